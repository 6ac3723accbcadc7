'use strict';
// How it looks: on a telephone, in the dark and in the light, without motion.

const {expect, expectEqual, isLive, until, untilState} = require('./harness.js');

// All states at once, and some requests in the tail.
async function arrange(scene) {
  const [one, two, three] = [await scene.backend(), await scene.backend(), await scene.backend()];
  const balancer = await scene.balancer({toml: '[health]\nfailures = 1'}, [
    one.url, two.url, three.url, 'http://a-backend-whose-name-is-rather-long-and-has-no-place-to-break.invalid:8080']);
  await two.kill();
  for (let i = 0; i < 6; ++i) await balancer.get(`/a/target/that/is/long/enough/to/have/to/break/${'x'.repeat(80)}`);
  return {balancer, two, three};
}

// Goal: nothing is cut off on screens of any width. Method: the widths around each change of the arrangement.
async function nothing_is_cut_off_at_any_width(scene) {
  const {balancer, two} = await arrange(scene);
  const page = await scene.open(balancer);
  await untilState(page, two, 'down');
  await page.locator('#tail > li').first().waitFor();
  for (const width of [320, 360, 480, 820, 821, 900, 1220, 1221, 1280, 1440, 1920]) {
    await page.setViewportSize({width, height: 800});
    const cut = await page.evaluate(() => [...document.querySelectorAll('.row button, .row h3, .row time, .cell p, .figure p')]
      .filter((node) => node.checkVisibility())
      .filter((node) => node.getBoundingClientRect().right > node.closest('.row, .figure').getBoundingClientRect().right ||
                        node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline')
      .map((node) => `${node.className} ${node.textContent}`));
    expectEqual(`what is cut off at a width of ${width}`, cut, []);
  }
}

async function there_is_no_sideways_scrolling_on_a_telephone(scene) {
  const {balancer, two} = await arrange(scene);
  const page = await scene.open(balancer, {width: 360, height: 740, hasTouch: true, isMobile: true});
  await untilState(page, two, 'down');
  await page.locator('#tail > li').first().waitFor();
  const widths = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  expectEqual('the width of the page, and of the screen', widths, [360, 360]);
  const wide = await page.evaluate(() => [...document.querySelectorAll('main *')]
    .filter((node) => node.getBoundingClientRect().right > 360.5).map((node) => node.className));
  expectEqual('what stands out', wide, []);
}

// For each text that can be seen: its contrast by WCAG 2 against what lies behind it.
function lowContrasts() {
  const parse = (text) => {
    const parts = text.match(/[\d.]+/g).map(Number);
    return {rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1};
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((byte) => (byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.alpha === 1) return colour.rgb;
    }
    return [255, 255, 255];
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.matches('script, style, :disabled')) continue;
    texts += 1;
    const [a, b] = [luminance(parse(getComputedStyle(node).color).rgb), luminance(ground(node))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) low.push(`"${walker.currentNode.data.trim().slice(0, 30)}" ${contrast.toFixed(2)}`);
  }
  return {texts, low};
}

async function texts_have_contrast_in_the_dark_and_in_the_light(scene) {
  const {balancer, two, three} = await arrange(scene);
  const grounds = [];
  for (const colorScheme of ['dark', 'light']) {
    const page = await scene.open(balancer, {colorScheme});
    await untilState(page, two, 'down');
    await page.locator('#tail > li').first().waitFor();
    if (colorScheme === 'dark') {
      await page.locator(`#rows > li[data-url="${three.url}"]`).getByRole('button', {name: 'Drain'}).click();
    }
    await untilState(page, three, 'draining');
    grounds.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
    const {texts, low} = await page.evaluate(lowContrasts);
    expect(texts > 60, `only ${texts} texts were looked at`);
    expectEqual(`texts that are hard to read in the ${colorScheme}`, low, []);
  }
  expect(grounds[0] !== grounds[1], 'the two schemes differ');
}

async function nothing_moves_for_those_who_want_no_motion(scene) {
  const one = await scene.backend();
  const balancer = await scene.balancer();
  scene.send(balancer);
  const page = await scene.open(balancer, {reducedMotion: 'reduce'});
  await isLive(page);
  await untilState(page, one, 'up');
  await until('a share', async () => await page.locator('#share > i').count() === 1);
  const moving = await page.evaluate(() => [...document.querySelectorAll('*')]
    .filter((node) => getComputedStyle(node).transitionProperty !== 'none' && getComputedStyle(node).transitionDuration !== '0s')
    .map((node) => node.tagName));
  expectEqual('what would move', moving, []);
}

module.exports = {
  nothing_is_cut_off_at_any_width,
  there_is_no_sideways_scrolling_on_a_telephone,
  texts_have_contrast_in_the_dark_and_in_the_light,
  nothing_moves_for_those_who_want_no_motion,
};
