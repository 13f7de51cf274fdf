// SPDX-License-Identifier: AGPL-3.0-or-later
/** The build, on a small program of our own in a clone of our own. */
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

/** Says what it sees of its build and its arguments; stays if asked, and proves that it still works. */
const MAIN = `
import { spawnSync } from 'node:child_process'
import Database from 'better-sqlite3'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { greeting } from '../store/store.ts'
export function main(): void {
  const nativeBinding = fileURLToPath(new URL('./better_sqlite3.node', import.meta.url))
  const select = (what: number): number =>
    new Database(':memory:', { nativeBinding }).prepare('select ' + what).pluck().get()
  const sql = readdirSync(new URL('./sql/', import.meta.url)).sort()
  const args = process.argv.slice(2)
  console.log(JSON.stringify({ greeting, one: select(1), sql, args, exe: process.execPath }))
  if (!args.includes('--stay')) return
  process.stdin.on('data', () => {
    console.log(select(2), spawnSync(process.execPath, ['--version']).stdout.toString())
  })
}
`

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'citynode-build-'))
  for (const folder of ['src/node', 'src/store/sql', 'src/content/sql', 'node_modules']) {
    mkdirSync(join(root, folder), { recursive: true })
  }
  write('package.json', '{"type":"module"}')
  write('package-lock.json', '{}')
  write('src/node/main.ts', MAIN)
  write('src/store/store.ts', "export const greeting: string = 'hello'")
  write('src/store/sql/store.001.first.sql', 'select 1')
  write('src/content/sql/content.001.first.sql', 'select 2')
  for (const name of ['esbuild', '@esbuild', 'better-sqlite3']) {
    symlinkSync(join(PROJECT, 'node_modules', name), join(root, 'node_modules', name))
  }
  // No symbolic link: that would be what the build links to, and node_modules is taken away.
  const runtime = `node_modules/node-linux-${process.arch}/bin/node`
  mkdirSync(join(root, runtime, '..'), { recursive: true })
  try {
    linkSync(join(PROJECT, runtime), join(root, runtime))
  } catch {
    // The temporary folder is on another disk.
    cpSync(join(PROJECT, runtime), join(root, runtime))
  }
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, text: string): void {
  writeFileSync(join(root, path), text)
}

function build(): { folder: string; err: string; status: number | null } {
  const tool = join(PROJECT, 'tools', 'build.mjs')
  const { stdout, stderr, status } = spawnSync(process.execPath, [tool, root], { encoding: 'utf8' })
  return { folder: stdout.trim(), err: stderr, status }
}

function builds(): string[] {
  return readdirSync(join(root, 'build'))
}

/** So long ago that nobody can be about to start it. */
function makeOld(folder: string): void {
  utimesSync(folder, new Date(0), new Date(0))
}

describe('build', () => {
  it('makes a folder that runs by itself, without node_modules and the sources', () => {
    const { folder, err, status } = build()
    expect({ err, status }).toEqual({ err: 'Building…\n', status: 0 })
    rmSync(join(root, 'node_modules'), { recursive: true })
    rmSync(join(root, 'src'), { recursive: true })
    const node = join(folder, 'node')
    const program = join(folder, 'citynode.mjs')
    const run = spawnSync(node, [program, 'a', '--b'], { encoding: 'utf8', env: {} })
    expect(run.stderr).toBe('')
    expect(JSON.parse(run.stdout)).toEqual({
      greeting: 'hello',
      one: 1,
      sql: ['content.001.first.sql', 'store.001.first.sql'],
      args: ['a', '--b'],
      exe: node,
    })
  })

  it('a running program does not notice that node_modules is taken away', async () => {
    const { folder } = build()
    const child = spawn(join(folder, 'node'), [join(folder, 'citynode.mjs'), '--stay'])
    try {
      await new Promise((done) => child.stdout.once('data', done))
      rmSync(join(root, 'node_modules'), { recursive: true })
      child.stdin.write('still there?\n')
      const answer = await new Promise((done) => child.stdout.once('data', done))
      expect(String(answer)).toBe(`2 ${process.version}\n\n`)
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('does nothing when nothing changed, and builds anew when anything did', () => {
    const first = build()
    expect(build()).toEqual({ ...first, err: '' })
    write('src/store/sql/store.002.more.sql', 'select 3')
    const second = build()
    expect(second.folder).not.toBe(first.folder)
    write('package-lock.json', '{"changed":true}')
    expect(build().folder).not.toBe(second.folder)
  })

  it('mends a build that somebody damaged', () => {
    const { folder } = build()
    rmSync(join(folder, 'citynode.mjs'))
    expect(build().folder).toBe(folder)
    expect(existsSync(join(folder, 'citynode.mjs'))).toBe(true)
  })

  it('refuses two files of one name, and says which', () => {
    write('src/content/sql/store.001.first.sql', 'select 3')
    const { status, err } = build()
    expect(status).toBe(7)
    expect(err).toContain('sql/store.001.first.sql')
    expect(builds()).toEqual([])
  })

  it('says where the program is wrong, and leaves nothing behind', () => {
    write('src/store/store.ts', "export { greeting } from './missing.ts'")
    const { status, err } = build()
    expect(status).toBe(7)
    expect(err).toMatch(/src\/store\/store\.ts:1.*[\s\S]*missing\.ts/)
    expect(builds()).toEqual([])
  })

  it('removes old builds, but none that runs and none that was just asked for', async () => {
    const running = build()
    const child = spawn(join(running.folder, 'node'), [
      join(running.folder, 'citynode.mjs'),
      '--stay',
    ])
    try {
      await new Promise((done) => child.stdout.once('data', done))
      write('src/store/store.ts', "export const greeting = 'second'")
      const idle = build()
      write('src/store/store.ts', "export const greeting = 'third'")
      const recent = build()
      makeOld(running.folder)
      makeOld(idle.folder)
      mkdirSync(join(root, 'build', '.0123456789abcdef.999999999.tmp'))
      write('src/store/store.ts', "export const greeting = 'fourth'")
      const last = build()
      const names = [running, recent, last].map(({ folder }) => folder.split('/').pop())
      expect(builds().sort()).toEqual(names.sort())
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('started by an older Node, the program says what to do', () => {
    const { folder } = build()
    // No older Node is at hand everywhere; this one is made to say it is.
    write('old.mjs', "Object.defineProperty(process.versions, 'node', { value: '20.1.0' })")
    const program = join(folder, 'citynode.mjs')
    const old = ['--import', join(root, 'old.mjs'), program]
    const { stderr, status } = spawnSync(process.execPath, old, { encoding: 'utf8' })
    expect(stderr).toMatch(/^citynode needs Node 24 and this is Node 20\.1\.0\./)
    expect(status).toBe(7)
  })
})
