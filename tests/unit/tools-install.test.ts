// SPDX-License-Identifier: AGPL-3.0-or-later
/** The guarded install, driven as people drive it (a process), with an npm of our own on PATH. */
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const TOOL = fileURLToPath(new URL('../../tools/ensure-installed.mjs', import.meta.url))

/**
 * Counts its calls, waits for `go` if there is a file `hold`, and puts a Node where ours would be.
 * `$npm_trouble` makes it fail the way npm does.
 */
const FAKE_NPM = `#!/bin/sh
echo "$@" >> calls
while [ -e hold ] && [ ! -e go ]; do sleep 0.02; done
if [ -n "$npm_trouble" ]; then
  mkdir -p node_modules
  echo "npm error code $npm_trouble" >&2
  exit 1
fi
rm -rf node_modules
mkdir -p node_modules/node-linux-${process.arch}/bin
echo binary > node_modules/node-linux-${process.arch}/bin/node
`

interface Ended {
  code: number | null
  out: string
  err: string
}

let root: string
let bin: string

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'citynode-install-'))
  root = join(folder, 'clone')
  bin = join(folder, 'bin')
  mkdirSync(root)
  mkdirSync(bin)
  writeFileSync(join(bin, 'npm'), FAKE_NPM)
  chmodSync(join(bin, 'npm'), 0o755)
  writeFileSync(join(root, 'package.json'), JSON.stringify({ dependencies: { one: '1.0.0' } }))
  writeLock('1.0.0')
})

afterEach(() => {
  rmSync(join(root, '..'), { recursive: true, force: true })
})

function writeLock(version: string): void {
  const packages = { '': {}, 'node_modules/one': { version, integrity: `sha512-${version}` } }
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }))
}

function begin(env: Record<string, string> = {}): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [TOOL, root], {
    env: { PATH: `${bin}:/usr/bin:/bin`, ...env },
  })
  const ended = new Promise<Ended>((done) => {
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.on('close', (code) => done({ code, out: out.trim(), err }))
  })
  return { child, ended }
}

function install(env: Record<string, string> = {}): Promise<Ended> {
  return begin(env).ended
}

function npmCalls(): string[] {
  const path = join(root, 'calls')
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
}

const lockFile = () => join(root, 'build', 'install.lock')
const stampFile = () => join(root, 'node_modules', '.citynode-installed')

async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + 15_000
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(`waited in vain for: ${what}`)
    await new Promise((wake) => setTimeout(wake, 10))
  }
}

describe('ensure-installed', () => {
  it('installs once; the second time nothing is done or said', async () => {
    const first = await install()
    expect(first).toMatchObject({ code: 0, out: 'installed' })
    expect(first.err).toBe('First start: installing (about half a minute)…\n')
    expect(await install()).toEqual({ code: 0, out: 'unchanged', err: '' })
    expect(npmCalls()).toHaveLength(1)
    expect(npmCalls()[0]).toMatch(/^ci .*--ignore-scripts/)
    expect(existsSync(lockFile())).toBe(false)
  })

  it('installs again when the lockfile, or what package.json depends on, has changed', async () => {
    await install()
    writeLock('1.0.1')
    expect((await install()).out).toBe('installed')
    writeFileSync(join(root, 'package.json'), JSON.stringify({ dependencies: { two: '1.0.0' } }))
    expect((await install()).out).toBe('installed')
    expect(npmCalls()).toHaveLength(3)
  })

  it('does not install because a script in package.json has changed', async () => {
    await install()
    const manifest = { dependencies: { one: '1.0.0' }, scripts: { start: 'true' } }
    writeFileSync(join(root, 'package.json'), JSON.stringify(manifest))
    expect((await install()).out).toBe('unchanged')
  })

  it('installs again when somebody deleted the runtime', async () => {
    await install()
    rmSync(join(root, 'node_modules', `node-linux-${process.arch}`), { recursive: true })
    expect((await install()).out).toBe('installed')
  })

  it('two at once install once: the second waits', async () => {
    writeFileSync(join(root, 'hold'), '')
    const first = begin()
    await until('npm runs', () => npmCalls().length === 1)
    const second = begin()
    let secondSaid = ''
    second.child.stderr?.on('data', (chunk) => {
      secondSaid += chunk
    })
    await until('the second waits', () => secondSaid.includes('waiting'))
    writeFileSync(join(root, 'go'), '')
    expect((await first.ended).out).toBe('installed')
    expect((await second.ended).out).toBe('unchanged')
    expect(npmCalls()).toHaveLength(1)
  })

  it('five at once install once', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => install()))
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0])
    expect(npmCalls()).toHaveLength(1)
  })

  it('takes over a lock whose process is dead, and one that makes no sense', async () => {
    mkdirSync(join(root, 'build'))
    const ended = spawn('true')
    await new Promise((done) => ended.on('close', done))
    writeFileSync(lockFile(), JSON.stringify([{ pid: ended.pid, startedAt: '1' }]))
    expect((await install()).out).toBe('installed')
    writeLock('2.0.0')
    writeFileSync(lockFile(), 'nonsense')
    expect((await install()).out).toBe('installed')
    expect(existsSync(lockFile())).toBe(false)
  })

  it('takes over from a process that has our id but started at another time', async () => {
    mkdirSync(join(root, 'build'))
    writeFileSync(lockFile(), JSON.stringify([{ pid: process.pid, startedAt: '1' }]))
    expect((await install()).out).toBe('installed')
  })

  it('killed in the middle: waits for the npm that was left, then makes it whole', async () => {
    writeFileSync(join(root, 'hold'), '')
    const first = begin()
    await until('npm runs', () => npmCalls().length === 1)
    await until('npm is named in the lock', () => readFileSync(lockFile(), 'utf8').includes('},{'))
    first.child.kill('SIGKILL')
    const second = begin()
    let secondSaid = ''
    second.child.stderr?.on('data', (chunk) => {
      secondSaid += chunk
    })
    await until('the second waits', () => secondSaid.includes('waiting'))
    writeFileSync(join(root, 'go'), '')
    expect((await second.ended).out).toBe('installed')
    expect(npmCalls()).toHaveLength(2)
  })

  it.each([
    ['ENOTFOUND', /cannot reach its package registry/],
    ['ENOSPC', /disk is full/],
    ['EUSAGE', /disagree/],
    ['ESTRANGE', /Installing failed/],
  ])('npm fails with %s: says so, leaves no stamp and no lock', async (trouble, words) => {
    const failed = await install({ npm_trouble: trouble })
    expect(failed.code).toBe(7)
    expect(failed.err).toMatch(words)
    expect(failed.err).toContain(trouble)
    expect(existsSync(stampFile())).toBe(false)
    expect(existsSync(lockFile())).toBe(false)
    expect((await install()).out).toBe('installed')
  })

  it('says so when there is no npm at all', async () => {
    const failed = await install({ PATH: join(root, 'nothing-here') })
    expect(failed.code).toBe(7)
    expect(failed.err).toMatch(/npm is not installed/)
  })

  it('takes what somebody installed by hand, if it is what the lockfile asks for', async () => {
    const modules = join(root, 'node_modules')
    const nodeFolder = join(modules, `node-linux-${process.arch}`, 'bin')
    mkdirSync(nodeFolder, { recursive: true })
    writeFileSync(join(nodeFolder, 'node'), '')
    const one = { version: '0.9.0', integrity: 'sha512-0.9.0' }
    const record = join(modules, '.package-lock.json')
    writeFileSync(record, JSON.stringify({ packages: { 'node_modules/one': one } }))
    expect((await install()).out).toBe('installed')
    rmSync(stampFile())
    const right = { version: '1.0.0', integrity: 'sha512-1.0.0' }
    writeFileSync(record, JSON.stringify({ packages: { 'node_modules/one': right } }))
    expect(await install()).toEqual({ code: 0, out: 'adopted', err: '' })
    expect(npmCalls()).toHaveLength(1)
  })
})
