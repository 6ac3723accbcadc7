'use strict';
// What the operator does.

const {expect, expectEqual, isLive, row, until, untilState} = require('./harness.js');

// Waits until `backend` has got nothing while the others got much.
async function untilQuiet(backend, other) {
  await until(`${backend.name} gets nothing any more`, async () => {
    const [before, others] = [backend.requests, other.requests];
    await until('the other gets requests', () => other.requests > others + 20);
    return backend.requests === before;
  });
}

// Goal: a drained backend gets no more traffic until it is enabled. Method: buttons, and the backends' own counts.
async function a_drained_backend_gets_no_traffic(scene) {
  const [one, two] = [await scene.backend(), await scene.backend()];
  const balancer = await scene.balancer();
  scene.send(balancer);
  const page = await scene.open(balancer);
  await untilState(page, two, 'up');
  await row(page, two).getByRole('button', {name: 'Drain'}).click();
  await untilState(page, two, 'draining');
  await untilQuiet(two, one);
  await until('its share is gone', async () => await row(page, two).locator('.shared b').textContent() === '0 %');
  await page.getByText(/left to end|idle: nothing is under way/).waitFor();
  await row(page, two).getByRole('button', {name: 'Disable'}).click();
  await untilState(page, two, 'disabled');
  await until('no checks', async () => /not checked/.test(await row(page, two).locator('.reason').textContent()));
  await row(page, two).getByRole('button', {name: 'Enable'}).click();
  const before = two.requests;
  await until('it gets traffic again', () => two.requests > before + 20);
}

// Goal: all of it without a pointer. Method: the tabulator alone, from the top of the page to the button.
async function the_keyboard_alone_drains_a_backend(scene) {
  const [, two] = [await scene.backend(), await scene.backend()];
  const page = await scene.open(await scene.balancer());
  await untilState(page, two, 'up');
  const button = row(page, two).locator('button.first');
  const isFocused = () => button.evaluate((node) => node === document.activeElement);
  for (let presses = 0; !await isFocused(); ++presses) {
    expect(presses < 40, 'the button is reached by the tabulator');
    await page.keyboard.press('Tab');
  }
  expect(await button.evaluate((node) => getComputedStyle(node).outlineStyle === 'solid'), 'the focus can be seen');
  await page.keyboard.press('Enter');
  await untilState(page, two, 'draining');
  expect(await isFocused(), 'the focus stays');
  expectEqual('what the button does now', await button.textContent(), 'Enable');
  await until('it is said to those who do not see it', async () =>
    (await page.locator('#said').textContent()).includes('draining'));
  await page.keyboard.press('Space');
  await until('it is enabled', async () => await row(page, two).getAttribute('data-state') === 'up');
}

// Goal: nobody takes the last backend out by mistake.
async function the_last_backend_is_asked_about(scene) {
  const one = await scene.backend();
  const balancer = await scene.balancer();
  const page = await scene.open(balancer);
  await untilState(page, one, 'up');
  const drain = row(page, one).getByRole('button', {name: 'Drain'});
  await drain.click();
  await page.getByText('It is the last backend that takes traffic').waitFor();
  await page.keyboard.press('Enter');  // "Leave it" has the focus
  await page.locator('#confirm').waitFor({state: 'hidden'});
  expectEqual('the answer', await balancer.get(), 200);
  await drain.click();
  await page.getByRole('button', {name: 'Drain it'}).click();
  await untilState(page, one, 'draining');
  expectEqual('the answer', await balancer.get(), 503);
}

// Goal: with a token the page asks for it, once a session. Method: a wrong one, the right one, the page again.
async function a_token_is_asked_for(scene) {
  const one = await scene.backend();
  const balancer = await scene.balancer({admin: 'token = "correct-horse-battery-staple"'});
  const page = await scene.open(balancer, {expected: [/401/]});
  const input = page.getByRole('textbox', {name: 'Token'});
  await input.fill('guess');
  await page.keyboard.press('Enter');
  await page.getByText('That token was refused.').waitFor();
  expectEqual('rows for strangers', await page.locator('#rows > li').count(), 0);
  await input.fill('correct-horse-battery-staple');
  await page.keyboard.press('Enter');
  await isLive(page);
  await untilState(page, one, 'up');
  await row(page, one).getByRole('button', {name: 'Check'}).click();
  await until('it may steer', async () => (await page.locator('#said').textContent()).includes('was checked'));
  await page.reload();
  await isLive(page);
  expect(await page.locator('#token').isHidden(), 'it is not asked for again');
}

module.exports = {
  a_drained_backend_gets_no_traffic,
  the_keyboard_alone_drains_a_backend,
  the_last_backend_is_asked_about,
  a_token_is_asked_for,
};
