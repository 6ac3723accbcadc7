'use strict';
// Runs scenarios, one after the other, in one browser. See the script beside this file.

const path = require('node:path');

const {Failed, Scene, expect} = require('./harness.js');

const scenarios = {...require('./watching.js'), ...require('./steering.js'), ...require('./appearance.js')};

async function launch() {
  const {chromium} = require('playwright-core');
  // Its sandbox does not run as root.
  const flags = process.getuid() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({executablePath: process.env.LB_CHROMIUM || '/usr/bin/chromium', args: flags});
}

// True if it passed.
async function play(name, run, binary, browser) {
  const since = Date.now();
  const scene = new Scene(binary, browser);
  try {
    await run(scene);
    expect(scene.complaints.length === 0, scene.complaints.join('; '));
    console.log(`ok ${name} (${((Date.now() - since) / 1000).toFixed(1)} s)`);
    return true;
  } catch (error) {
    const what = error instanceof Failed ? error.message : error.stack;
    console.log(`FAILED ${name}: ${[what, ...scene.complaints].join('; ')}`);
    for (const balancer of scene.balancers) console.error(balancer.log);
    return false;
  } finally {
    await scene.end();
  }
}

async function main(given) {
  if (given[0] === '--list') {
    console.log(Object.keys(scenarios).join('\n'));
    return 0;
  }
  if (given.length === 0) {
    console.error('usage: run PATH/TO/load-balancer [NAME... | --picture FILE.png]');
    return 2;
  }
  const binary = path.resolve(given[0]);
  let chosen = scenarios;
  if (given[1] === '--picture') {
    const {picture} = require('./picture.js');
    chosen = {picture: (scene) => picture(scene, path.resolve(given[2]))};
  } else if (given.length > 1) {
    const unknown = given.slice(1).filter((name) => !(name in scenarios));
    if (unknown.length > 0) {
      console.error(`unknown: ${unknown.join(' ')}; --list names all of them`);
      return 2;
    }
    chosen = Object.fromEntries(given.slice(1).map((name) => [name, scenarios[name]]));
  }
  const browser = await launch();
  let passed = 0;
  let failed = 0;
  for (const [name, run] of Object.entries(chosen)) {
    if (await play(name, run, binary, browser)) passed += 1;
    else failed += 1;
  }
  await browser.close();
  console.log(`${passed} passed, ${failed} failed`);
  return failed > 0 ? 1 : 0;
}

main(process.argv.slice(2)).then((status) => { process.exitCode = status; }, (error) => {
  console.error(error);
  process.exit(1);
});
