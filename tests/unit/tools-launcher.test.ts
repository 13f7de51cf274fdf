// SPDX-License-Identifier: AGPL-3.0-or-later
/** The launcher behind the npm scripts, in a clone of our own with a small program in it. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

/** Reports, then ends with a code or waits for signals, as its first arguments say. */
const MAIN = `
const say = (fact: unknown): void => console.log(JSON.stringify(fact))
export function main(): void {
  const [, how] = process.argv.slice(2)
  let termCount = 0
  process.on('SIGTERM', () => {
    if (++termCount > 1) return
    say('stopping')
    setTimeout(() => { say({ termCount }); process.exit(5) }, 300)
  })
  say({ args: process.argv.slice(2), cwd: process.cwd(), node: process.version, pid: process.pid })
  if (how === 'stay') setInterval(() => {}, 1000)
  else process.exitCode = Number(how)
}
`

interface Ended {
  code: number | null
  signal: string | null
  out: string
  err: string
}

let root: string

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'citynode-launch-')))
  for (const folder of ['src/node', 'node_modules', 'elsewhere', 'tests/bench']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  cpSync(join(PROJECT, 'tools'), join(root, 'tools'), { recursive: true })
  cpSync(join(PROJECT, 'bin'), join(root, 'bin'), { recursive: true })
  write('package.json', '{"type":"module"}')
  write('package-lock.json', '{"packages":{"":{}}}')
  write('src/node/main.ts', MAIN)
  write(
    'tests/bench/sum.ts',
    "// npm run bench -- sum\nconsole.log('bench', process.argv.slice(2))",
  )
  write('tests/bench/helper.ts', 'export {}')
  for (const name of ['esbuild', '@esbuild', 'better-sqlite3', `node-linux-${process.arch}`]) {
    symlinkSync(join(PROJECT, 'node_modules', name), join(root, 'node_modules', name))
  }
  // As npm leaves it: taken for installed.
  write('node_modules/.package-lock.json', '{"packages":{}}')
  write('as-child.mjs', 'delete process.execve')
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, text: string): void {
  writeFileSync(join(root, path), text)
}

function launch(
  args: readonly string[],
  env: Record<string, string> = {},
): { child: ChildProcess; said: Promise<unknown>; ended: Promise<Ended> } {
  // No npm on PATH: whoever tries to install here fails.
  const child = spawn(process.execPath, args, { cwd: root, env: { PATH: '/nowhere', ...env } })
  let out = ''
  let err = ''
  const said = new Promise((done) => child.stdout.once('data', done))
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  const ended = new Promise<Ended>((done) => {
    child.on('close', (code, signal) => done({ code, signal, out, err }))
  })
  return { child, said, ended }
}

/** What the program said, line by line. */
function facts({ out }: Ended): unknown[] {
  return out
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
}

/** Becoming the program, and (Node 20) having it as a child. */
const ways = [
  ['becoming it', []],
  ['as its parent', ['--import', './as-child.mjs']],
] as const

describe.each(ways)('starting the program, %s', (_name, nodeArgs) => {
  it('installs and builds what is missing, and stdout is the program alone', async () => {
    const first = await launch([...nodeArgs, 'tools/run.mjs', 'start', '0', '--data', 'x']).ended
    expect(first).toMatchObject({ code: 0, err: 'Building…\n' })
    const args = ['start', '0', '--data', 'x']
    expect(facts(first)).toEqual([expect.objectContaining({ args, node: process.version })])
    const second = await launch([...nodeArgs, 'tools/run.mjs', 'citynode', 'status', '3']).ended
    expect(second).toMatchObject({ code: 3, err: '' })
  })

  it('the program gets the signal once, and its exit code is ours', async () => {
    const { child, said, ended } = launch([...nodeArgs, 'tools/run.mjs', 'start', 'stay'])
    await said
    child.kill('SIGTERM')
    const end = await ended
    expect(end).toMatchObject({ code: 5, signal: null })
    expect(facts(end).at(-1)).toEqual({ termCount: 1 })
  })

  it('ends by the signal that ended the program', async () => {
    const { said, ended } = launch([...nodeArgs, 'tools/run.mjs', 'start', 'stay'])
    const { pid } = JSON.parse(String(await said))
    process.kill(pid, 'SIGKILL')
    expect(await ended).toMatchObject({ code: null, signal: 'SIGKILL' })
  })

  it('under npm, paths are meant from where the person stands', async () => {
    const env = { INIT_CWD: join(root, 'elsewhere'), npm_lifecycle_event: 'start' }
    const end = await launch([...nodeArgs, 'tools/run.mjs', 'start', '0'], env).ended
    expect(facts(end)).toEqual([expect.objectContaining({ cwd: env.INIT_CWD })])
  })
})

describe('the launcher', () => {
  it('npm repeating a signal does not make it two', async () => {
    const args = ['--import', './as-child.mjs', 'tools/run.mjs', 'start', 'stay']
    const { child, said, ended } = launch(args)
    await said
    const stopping = new Promise((done) => child.stdout?.once('data', done))
    child.kill('SIGTERM')
    await stopping
    child.kill('SIGTERM')
    expect(facts(await ended).at(-1)).toEqual({ termCount: 1 })
  })

  it.skipIf(process.getuid?.() !== 0)('the demo under sudo leaves nothing of root’s', async () => {
    write('tools/demo/demo.ts', "console.log(JSON.stringify(process.env['CITYNODE_COMMAND']))")
    execFileSync('chown', ['-R', '65534:65534', root])
    const ended = await launch(['tools/run.mjs', 'demo']).ended
    expect(ended).toMatchObject({ code: 0, err: 'Building…\n' })
    const build = join(root, 'build')
    const paths = [build, ...readdirSync(build).map((name) => join(build, name))]
    expect(paths.length).toBeGreaterThan(1)
    for (const path of paths) expect(statSync(path).uid, path).toBe(65534)
  })

  it('runs a benchmark by name, and lists them for any other', async () => {
    const known = await launch(['tools/run.mjs', 'bench', 'sum', '--json']).ended
    expect(known).toMatchObject({ code: 0, out: "bench [ '--json' ]\n" })
    const unknown = await launch(['tools/run.mjs', 'bench', '../x']).ended
    expect(unknown).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('There are: sum\n'),
    })
  })

  it('knows what it does not know', async () => {
    const end = await launch(['tools/run.mjs', 'toString']).ended
    expect(end).toMatchObject({
      code: 2,
      err: expect.stringContaining('There are: start citynode'),
    })
  })

  it('says why it cannot install', async () => {
    write('package-lock.json', '{"packages":{"":{},"node_modules/new":{}}}')
    const end = await launch(['tools/run.mjs', 'start']).ended
    expect(end).toMatchObject({ code: 7, out: '', err: expect.stringContaining('npm is not') })
  })

  it.each(['tools/run.mjs', 'bin/citynode.mjs'])(
    '%s tells an old Node what to do',
    async (file) => {
      write('old.mjs', "Object.defineProperty(process.versions, 'node', { value: '12.22.0' })")
      const end = await launch(['--import', './old.mjs', file, 'start']).ended
      expect(end).toMatchObject({
        code: 7,
        out: '',
        err: expect.stringContaining('Install Node 20'),
      })
    },
  )
})

describe('tools/from-source.mjs', () => {
  it('runs the sources as they are', async () => {
    const end = await launch(['tools/from-source.mjs', 'status', '4']).ended
    expect(end.code).toBe(4)
    expect(facts(end)).toEqual([expect.objectContaining({ args: ['status', '4'] })])
  })

  it('tells a Node that cannot read them what to do', async () => {
    write('old.mjs', "Object.defineProperty(process.versions, 'node', { value: '20.20.2' })")
    const end = await launch(['--import', './old.mjs', 'tools/from-source.mjs', 'start']).ended
    expect(end).toMatchObject({ code: 7, out: '' })
    expect(end.err).toContain('need Node 24 and this is Node 20.20.2. Use `npm run citynode')
  })

  it.each(['src/node/main.ts', 'tools/launcher.mjs'])(
    '%s is no program, and says so',
    async (file) => {
      const end = await launch([join(PROJECT, file), 'status']).ended
      expect(end).toMatchObject({ code: 7, out: '', err: expect.stringContaining('npm start') })
    },
  )
})

describe('bin/citynode.mjs', () => {
  it('hands its arguments to the program', async () => {
    const end = await launch(['bin/citynode.mjs', 'status', '4']).ended
    expect(end.code).toBe(4)
    expect(facts(end)).toEqual([expect.objectContaining({ args: ['status', '4'] })])
  })

  it('does not install by itself, but says how', async () => {
    rmSync(join(root, 'node_modules'), { recursive: true })
    const end = await launch(['bin/citynode.mjs', 'status']).ended
    expect(end).toMatchObject({ code: 7, out: '', err: expect.stringContaining('npm start') })
  })
})
