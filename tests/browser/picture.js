'use strict';
// The pictures of the documentation: some traffic, a backend that has died, one that is drained, at the end of two
// minutes; FILE.png in the dark at a desk, and FILE-phone.png in the light on a telephone.

const {row, untilState} = require('./harness.js');

const kTraffic = 8;  // clients, each with one request after the other
const kMinute = 60000;

async function picture(scene, file) {
  const backends = [];
  for (let i = 0; i < 5; ++i) {
    backends.push(await scene.backend());
    backends[i].thinks = () => 2 + i + 14 * Math.random() ** (4 - i / 2);
  }
  const balancer = await scene.balancer({toml: '[health]\nfailures = 3'});
  for (let i = 0; i < kTraffic; ++i) scene.send(balancer);
  const page = await scene.open(balancer, {width: 1280, height: 860, colorScheme: 'dark'});
  await untilState(page, backends[4], 'up');
  await page.waitForTimeout(0.6 * kMinute);
  await row(page, backends[3]).getByRole('button', {name: 'Drain'}).click();
  await page.waitForTimeout(0.5 * kMinute);
  await backends[1].kill();
  await page.waitForTimeout(0.2 * kMinute);
  await page.mouse.move(0, 0);
  await page.evaluate(() => document.activeElement.blur());
  await page.waitForTimeout(3000);
  await page.screenshot({path: file});
  await page.emulateMedia({colorScheme: 'light'});
  await page.setViewportSize({width: 390, height: 1100});
  await page.waitForTimeout(3000);
  await page.screenshot({path: file.replace(/(\.png)?$/, '-phone.png')});
}

module.exports = {picture};
