// SPDX-License-Identifier: AGPL-3.0-or-later
/** `npm run bench -- start`: from exec of the built program to 200 on /health. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtProgram, freePort, programEnvironment } from './support/built.ts'
import { median, report, round } from './support/measure.ts'

const RUNS = 9
const BUDGET_MS = 1_000
const POLL_MS = 2
const GIVE_UP_MS = 30_000

const BARE_SERVER =
  'require("node:http").createServer((q, r) => r.end()).listen(Number(process.argv[1]), "127.0.0.1")'

/** Milliseconds from spawn to the first 200. */
async function timeTo200(start: () => ChildProcess, url: string): Promise<number> {
  const startedMs = performance.now()
  const child = start()
  try {
    while (!(await answers(url))) {
      if (performance.now() - startedMs > GIVE_UP_MS) throw new Error('the program does not answer')
      if (child.exitCode !== null) throw new Error(`the program ended with ${child.exitCode}`)
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    return performance.now() - startedMs
  } finally {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
  }
}

function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    get(url, { agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    }).on('error', () => resolve(false))
  })
}

const [node, ...program] = builtProgram()
const ours: number[] = []
const baseline: number[] = []
const folder = mkdtempSync(join(tmpdir(), 'citynode-bench-start-'))
try {
  const port = await freePort()
  writeFileSync(
    join(folder, 'citynode.toml'),
    `[network]\nport = 0\nhello_port = 0\n[content]\nport = 0\n[status]\nport = ${port}\n[gateway]\nport = 0\n`,
  )
  for (let run = 0; run <= RUNS; run++) {
    const ready = await timeTo200(
      () =>
        spawn(node, [...program, 'start', '--data', folder], {
          stdio: 'ignore',
          env: programEnvironment(),
        }),
      `http://127.0.0.1:${port}/health`,
    )
    const bare = await timeTo200(
      () => spawn(node, ['-e', BARE_SERVER, String(port)], { stdio: 'ignore' }),
      `http://127.0.0.1:${port}/`,
    )
    // The first run warms the page cache and makes the node's key.
    if (run === 0) continue
    ours.push(ready)
    baseline.push(bare)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

const oursMs = median(ours)
const baselineMs = median(baseline)
report(
  {
    name: 'start',
    ours: round(oursMs, 1),
    baseline: round(baselineMs, 1),
    ratio: round(oursMs / baselineMs, 2),
    budget: BUDGET_MS,
    ok: oursMs <= BUDGET_MS,
    unit: 'ms',
    runs: ours.map((value) => round(value, 1)),
  },
  [
    ['citynode, exec to 200 on /health', `${round(oursMs, 0)} ms (median of ${RUNS})`],
    ['bare Node HTTP server', `${round(baselineMs, 0)} ms`],
    ['budget', `${BUDGET_MS} ms`],
  ],
)
