'use strict';
// What the operator sees.

const {expect, expectEqual, isLive, row, until, untilState} = require('./harness.js');

const number = async (locator) => Number((await locator.textContent()).replace(',', ''));

// Goal: the page loads by itself, and its figures follow the traffic. Method: look before and while requests are sent.
async function numbers_move_under_traffic(scene) {
  const [one, two] = [await scene.backend(), await scene.backend()];
  const balancer = await scene.balancer();
  const page = await scene.open(balancer);
  await isLive(page);
  const rate = page.locator('#figure-requests b');
  await until('there is no traffic', async () => await rate.textContent() === '0');
  await untilState(page, one, 'up');
  expect((await page.locator('#listening').textContent()).endsWith(`:${balancer.port}`), 'the address is shown');
  await page.getByText('None so far.').waitFor();
  scene.send(balancer);
  await until('the rate moves', async () => await number(rate) > 20);
  const first = await number(rate);
  await until('and moves on', async () => await number(rate) !== first);
  for (const backend of [one, two]) {
    await until('half of the traffic each', async () => /^(49|50|51) %$/.test(await row(page, backend).locator('.shared b').textContent()));
    await until('a line for its traffic', async () => (await row(page, backend).locator('.line.rate').getAttribute('d') || '').includes('L'));
    await until('its latency', async () => /ms$/.test(await row(page, backend).locator('.latency b').first().textContent()));
  }
  expectEqual('segments of the bar of shares', await page.locator('#share > i').count(), 2);
}

// Goal: a backend that dies is seen at once, with the reason, in more than a colour; so is the request that noticed.
async function a_killed_backend_turns_red_with_its_reason(scene) {
  const [one, two] = [await scene.backend(), await scene.backend()];
  const balancer = await scene.balancer({toml: '[health]\nfailures = 1'});
  const page = await scene.open(balancer);
  await untilState(page, two, 'up');
  await two.kill();
  for (let i = 0; i < 4; ++i) expectEqual('nobody notices', await balancer.get('/shop'), 200);
  await untilState(page, two, 'down');
  const dead = row(page, two);
  expectEqual('its word', await dead.locator('.state b').textContent(), 'Down');
  expectEqual('its shape', await dead.locator('.state use').getAttribute('href'), '#shape-down');
  expectEqual('its colour', await dead.locator('.state b').evaluate((node) => getComputedStyle(node).color), 'rgb(255, 112, 112)');
  expect(/retries failed|refused/.test(await dead.locator('.reason').textContent()), 'its reason');
  expect(/^for \d+ s$/.test(await dead.locator('time').textContent()), 'since when');
  expectEqual('the first of the list', await page.locator('#rows > li').first().getAttribute('data-url'), two.url);
  expectEqual('the title', await page.title(), '1 down · load-balancer');
  const story = page.locator('#tail > li .story').first();
  await story.waitFor();
  const pattern = new RegExp(`^${two.name} refused → ${one.name} answered 200 in [\\d.]+ ms$`);
  expect(pattern.test(await story.textContent()), `a retried request: ${await story.textContent()}`);
  await two.listen(two.port);
  await dead.getByRole('button', {name: 'Check'}).click();
  await untilState(page, two, 'up');
  expectEqual('the title', await page.title(), 'load-balancer');
}

// Goal: what clients send is shown and never run. Method: a request line that is a script, answered in vain.
async function a_hostile_request_line_stays_text(scene) {
  const one = await scene.backend();
  const balancer = await scene.balancer();
  const page = await scene.open(balancer, {expected: [/404/]});
  await untilState(page, one, 'up');
  await one.kill();
  const target = '/<script>alert(1)</script><img/src=x/onerror=alert(2)>';
  expectEqual('the answer', await balancer.get(target), 502);
  const line = page.locator('#tail > li .line').first();
  await line.waitFor();
  expectEqual('the line', await line.textContent(), `GET ${target} HTTP/1.1`);
  expectEqual('elements of its making', await page.locator('#tail script, #tail img').count(), 0);
  await page.locator('#tail > li a').first().click();
  await page.locator('#why[open]').waitFor();
  expectEqual('the line', await page.locator('#why-request').textContent(), `GET ${target} HTTP/1.1`);
  expectEqual('elements of its making', await page.locator('#why script, #why img').count(), 0);
}

// Goal: a paused tail stands still and forgets nothing.
async function the_tail_can_be_paused(scene) {
  const one = await scene.backend();
  const balancer = await scene.balancer();
  const page = await scene.open(balancer);
  await untilState(page, one, 'up');
  await one.kill();
  await balancer.get('/first');
  await page.locator('#tail > li').first().waitFor();
  await page.getByRole('button', {name: 'Pause'}).click();
  await balancer.get('/second');
  await page.getByRole('button', {name: 'Go on (1 new)'}).waitFor();
  expectEqual('requests shown', await page.locator('#tail > li').count(), 1);
  await page.getByRole('button', {name: 'Go on'}).click();
  await page.getByText('GET /second HTTP/1.1').waitFor();
  expectEqual('requests shown', await page.locator('#tail > li').count(), 2);
}

// Goal: the two minutes that the page shows survive that it is loaded again. Method: the points of its lines, before and
// after.
async function a_page_that_is_loaded_again_keeps_its_lines(scene) {
  const one = await scene.backend();
  const balancer = await scene.balancer();
  const page = await scene.open(balancer);
  await untilState(page, one, 'up');
  scene.send(balancer);
  // The first point is where the line begins; each further one adds an L.
  const points = async (line) => ((await line.getAttribute('d') || '').match(/L/g) || []).length;
  const lines = () => [page.locator('#figure-requests .line.rate'), row(page, one).locator('.line.rate')];
  for (const line of lines()) await until('some seconds are drawn', async () => await points(line) >= 6);
  const before = await Promise.all(lines().map(points));
  await page.reload();
  await untilState(page, one, 'up');
  for (const [i, line] of lines().entries()) {
    const after = await until('it is drawn again', () => points(line), 3000);
    expect(after >= before[i] - 2, `${after} points after ${before[i]}`);
  }
}

// Goal: old figures are never taken for new ones, and the page comes back by itself.
async function it_says_that_it_is_disconnected_and_comes_back(scene) {
  const one = await scene.backend();
  const balancer = await scene.balancer();
  const page = await scene.open(balancer, {expected: [/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_CONNECTION_RESET/]});
  await isLive(page);
  await balancer.stop('SIGKILL');
  await page.getByText('Disconnected. The figures are from').waitFor();
  await scene.balancer({adminPort: balancer.adminPort});
  await isLive(page);
  expect(await page.locator('#lost').isHidden(), 'the banner is gone');
  await untilState(page, one, 'up');
}

// Goal: with very many backends the page stays small, and each can be found. Nobody listens at any of them.
async function a_thousand_backends_are_found_by_name(scene) {
  const urls = [];
  for (let i = 0; i < 1000; ++i) urls.push(`http://127.${1 + (i >> 8)}.0.${i & 255}:9`);
  const balancer = await scene.balancer({}, urls);
  const page = await scene.open(balancer);
  await until('all are counted', async () => /1,000\s*down/.test(await page.locator('#filters').innerText()));
  expectEqual('rows at first', await page.locator('#rows > li').count(), 50);
  await page.getByRole('button', {name: 'Show 50 of 950 more backends'}).click();
  expectEqual('rows then', await page.locator('#rows > li').count(), 100);
  await page.keyboard.press('/');
  await page.keyboard.type('127.4.0.200');
  await until('one is found', async () => await page.locator('#rows > li').count() === 1);
  await page.getByRole('searchbox').fill('nothing');
  await page.getByText('No backend matches.').waitFor();
}

module.exports = {
  numbers_move_under_traffic,
  a_killed_backend_turns_red_with_its_reason,
  a_hostile_request_line_stays_text,
  the_tail_can_be_paused,
  a_page_that_is_loaded_again_keeps_its_lines,
  it_says_that_it_is_disconnected_and_comes_back,
  a_thousand_backends_are_found_by_name,
};
