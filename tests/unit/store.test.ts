// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/base/base.ts'
import {
  type Database,
  type MigrationFolder,
  migrationsFrom,
  openDatabase,
} from '../../src/store/store.ts'

let folder = ''
let path = ''
const opened: Database[] = []
const children: ChildProcess[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'citynode-store-'))
  path = join(folder, 'node.db')
})
afterEach(async () => {
  for (const database of opened.splice(0)) database.close()
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

async function open(migrations: readonly MigrationFolder[] = [], at = path): Promise<Database> {
  const database = await openDatabase({ path: at, migrations, log: silentLogger })
  opened.push(database)
  return database
}

/** Migrations made of SQL texts, numbered from 1. */
function room(name: string, ...texts: string[]): MigrationFolder {
  return {
    room: name,
    migrations: texts.map((sql, index) => ({
      number: index + 1,
      name: 'test',
      sql,
      sha256: `hash of ${sql}`,
    })),
  }
}

const THINGS = room('test', 'CREATE TABLE test_things (name TEXT PRIMARY KEY, size INTEGER) STRICT')

function tables(database: Database): string[] {
  return database
    .prepare<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map(({ name }) => name)
}

/** Another process that opens the database, writes a row, and then waits to be killed. */
async function startOther(): Promise<{ child: ChildProcess; said: string }> {
  const source = new URL('../../src/', import.meta.url)
  const script = `
    const { openDatabase } = await import('${source}store/store.ts')
    const { silentLogger } = await import('${source}base/base.ts')
    const options = { path: ${JSON.stringify(path)}, migrations: ${JSON.stringify([THINGS])} }
    try {
      const db = await openDatabase({ ...options, log: silentLogger })
      db.prepare("INSERT OR IGNORE INTO test_things VALUES ('kept', 1)").run()
      process.stdout.write('open')
      setInterval(() => db, 1000)
    } catch (error) {
      process.stdout.write(error.code)
    }`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [said] = await once(child.stdout, 'data')
  return { child, said: String(said) }
}

async function otherProcess(): Promise<ChildProcess> {
  const { child, said } = await startOther()
  expect(said).toBe('open')
  return child
}

describe('openDatabase', () => {
  it('is durable, strict about references, and readable by its owner alone', async () => {
    const database = await open()
    const pragma = (name: string): unknown =>
      Object.values(database.prepare<object>(`PRAGMA ${name}`).get() ?? {})[0]
    expect(pragma('journal_mode')).toBe('wal')
    expect(pragma('locking_mode')).toBe('exclusive')
    // 1 is NORMAL.
    expect(pragma('synchronous')).toBe(1)
    expect(pragma('foreign_keys')).toBe(1)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  it('writes who has the folder, and tidies up', async () => {
    const database = await open()
    expect(await readFile(join(folder, 'node.pid'), 'utf8')).toBe(`${process.pid}\n`)
    database.close()
    database.close()
    expect(existsSync(join(folder, 'node.pid'))).toBe(false)
  })

  it('refuses a folder that another process uses, and names it', async () => {
    const other = await otherProcess()
    await expect(open()).rejects.toMatchObject({
      code: 'DATA_IN_USE',
      message: `The data folder is in use by another node (process ${other.pid}).`,
      advice: expect.stringContaining('--data'),
    })
    // The one who was refused took nothing away from the other.
    expect(await readFile(join(folder, 'node.pid'), 'utf8')).toBe(`${other.pid}\n`)
    await expect(open()).rejects.toMatchObject({ code: 'DATA_IN_USE' })
  })

  it('refuses a second time in the same process, and keeps the first one locked', async () => {
    await open([THINGS])
    await expect(open()).rejects.toMatchObject({ code: 'DATA_IN_USE' })
    expect((await startOther()).said).toBe('DATA_IN_USE')
  })

  it('is free again after a process was killed, with all that it had committed', async () => {
    const other = await otherProcess()
    const gone = once(other, 'exit')
    other.kill('SIGKILL')
    await gone
    const database = await open([THINGS])
    expect(database.prepare('SELECT name FROM test_things').all()).toEqual([{ name: 'kept' }])
    expect(await readFile(join(folder, 'node.pid'), 'utf8')).toBe(`${process.pid}\n`)
  })

  it('says so without a number when the pid file is of no use', async () => {
    const other = await otherProcess()
    for (const text of ['', 'garbage', '-1', '4194305', `${other.pid}`.repeat(20)]) {
      await writeFile(join(folder, 'node.pid'), text)
      await expect(open()).rejects.toMatchObject({
        message: 'The data folder is in use by another node.',
      })
    }
  })

  it.each([
    ['garbage', 'STORE_CORRUPT', () => writeFile(path, 'x'.repeat(10_000))],
    ['a folder', 'DATA_UNWRITABLE', () => mkdir(path)],
  ])('says what is wrong with %s, and leaves it', async (_what, code, make) => {
    await make()
    const before = (await stat(path)).size
    await expect(open()).rejects.toMatchObject({ code, advice: expect.any(String) })
    expect((await stat(path)).size).toBe(before)
  })

  it('says when a database was cut short', async () => {
    const database = await open([THINGS])
    database.exec('INSERT INTO test_things SELECT hex(randomblob(500)), 1 FROM test_things')
    database.close()
    await truncate(path, 5_000)
    await expect(open([THINGS])).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
    expect((await stat(path)).size).toBe(5_000)
  })

  it('says when there is no such place', async () => {
    for (const place of [join(folder, 'none', 'node.db'), '/proc/node.db']) {
      await expect(open([], place)).rejects.toMatchObject({ code: 'DATA_UNWRITABLE' })
    }
  })
})

describe('Database', () => {
  it('takes parameters in order and by name, and gives typed rows', async () => {
    const database = await open([THINGS], ':memory:')
    const insert = database.prepare<never, [{ name: string; size: number | null }]>(
      'INSERT INTO test_things VALUES (@name, @size)',
    )
    expect(insert.run({ name: 'a', size: 1 }).changes).toBe(1)
    insert.run({ name: 'b', size: null })
    const byName = database.prepare<{ size: number | null }, [name: string]>(
      'SELECT size FROM test_things WHERE name = ?',
    )
    expect(byName.get('a')?.size).toBe(1)
    expect(byName.get('none')).toBeUndefined()
    const all = database.prepare<{ name: string }>('SELECT name FROM test_things ORDER BY name')
    expect([...all.iterate()].map(({ name }) => name)).toEqual(['a', 'b'])
  })

  it('does transactions whole or not at all, also within each other', async () => {
    const database = await open([THINGS], ':memory:')
    const insert = database.prepare<never, [string]>('INSERT INTO test_things VALUES (?, 0)')
    const count = (): number =>
      database.prepare<{ n: number }>('SELECT count(*) AS n FROM test_things').get()?.n ?? -1
    expect(() =>
      database.transaction(() => {
        insert.run('a')
        throw new RangeError('stop')
      }),
    ).toThrow(RangeError)
    expect(count()).toBe(0)
    const result = database.transaction(() => {
      insert.run('b')
      expect(() =>
        database.transaction(() => {
          insert.run('c')
          throw new Error('only this part')
        }),
      ).toThrow('only this part')
      return 'done'
    })
    expect(result).toBe('done')
    expect(count()).toBe(1)
  })

  it('turns failures into our own', async () => {
    const database = await open([THINGS], ':memory:')
    const insert = database.prepare<never, [string]>('INSERT INTO test_things VALUES (?, 0)')
    insert.run('a')
    const codeOf = (work: () => unknown): unknown => {
      try {
        work()
        return undefined
      } catch (thrown) {
        return thrown
      }
    }
    expect(codeOf(() => insert.run('a'))).toMatchObject({ code: 'STORE_CONSTRAINT' })
    expect(codeOf(() => database.exec('nonsense'))).toMatchObject({ code: 'STORE_FAILED' })
    expect(codeOf(() => database.prepare('SELECT none'))).toMatchObject({ code: 'STORE_FAILED' })
    database.exec('PRAGMA max_page_count = 4')
    const fill = (): unknown =>
      database.exec('INSERT INTO test_things VALUES (hex(randomblob(100000)), 1)')
    expect(codeOf(fill)).toMatchObject({ code: 'STORE_FULL' })
  })

  it('moves the log into the database when asked to', async () => {
    const database = await open([THINGS])
    expect((await stat(`${path}-wal`)).size).toBeGreaterThan(0)
    database.checkpoint()
    expect((await stat(`${path}-wal`)).size).toBe(0)
  })
})

describe('migrations', () => {
  it('are applied once, in order, room by room', async () => {
    const one = room('one', 'CREATE TABLE one_a (x) ', 'ALTER TABLE one_a RENAME TO one_b')
    const two = room('two', 'CREATE TABLE two_a (x)')
    const first = await open([one])
    expect(tables(first)).toEqual(['one_b', 'store_migrations'])
    first.close()
    const second = await open([one, two])
    expect(tables(second)).toEqual(['one_b', 'store_migrations', 'two_a'])
    const rows = second
      .prepare<{ entry: string }>('SELECT room || number AS entry FROM store_migrations ORDER BY 1')
      .all()
    expect(rows.map(({ entry }) => entry)).toEqual(['one1', 'one2', 'two1'])
  })

  it('leave the tables of rooms alone that this program does not have', async () => {
    const first = await open([room('one', 'CREATE TABLE one_a (x)'), THINGS])
    first.close()
    expect(tables(await open([THINGS]))).toEqual(['one_a', 'store_migrations', 'test_things'])
  })

  it('are undone when they fail half-way; those before stay', async () => {
    const broken = room('one', 'CREATE TABLE one_a (x)', 'CREATE TABLE one_b (x); CREATE nonsense')
    await expect(open([broken])).rejects.toMatchObject({
      code: 'STORE_MIGRATION_FAILED',
      context: { room: 'one', number: 2 },
    })
    expect(existsSync(join(folder, 'node.pid'))).toBe(false)
    expect(tables(await open())).toEqual(['one_a', 'store_migrations'])
  })

  it('refuse a database from the future, before changing anything', async () => {
    const first = await open([room('one', 'CREATE TABLE one_a (x)', 'CREATE TABLE one_b (x)')])
    first.close()
    const older = [THINGS, room('one', 'CREATE TABLE one_a (x)')]
    await expect(open(older)).rejects.toMatchObject({ code: 'STORE_NEWER' })
    expect(tables(await open())).toEqual(['one_a', 'one_b', 'store_migrations'])
  })

  it('refuse an applied file that has changed', async () => {
    const first = await open([room('one', 'CREATE TABLE one_a (x)')])
    first.close()
    await expect(open([room('one', 'CREATE TABLE one_a (y)')])).rejects.toMatchObject({
      code: 'STORE_MIGRATION_CHANGED',
    })
  })

  it('are read from a folder that several rooms share', async () => {
    const files = {
      'one.002.later.sql': 'B',
      'one.001.first-things.sql': 'A',
      'onetwo.001.x.sql': 'C',
      'one.notes.txt': '',
    }
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    const found = migrationsFrom(pathToFileURL(`${folder}/`), 'one')
    expect(found.room).toBe('one')
    expect(found.migrations.map(({ number, name, sql }) => [number, name, sql])).toEqual([
      [1, 'first-things', 'A'],
      [2, 'later', 'B'],
    ])
    // sha256 of "A", from sha256sum.
    expect(found.migrations[0]?.sha256).toBe(
      '559aead08264d5795d3909718cdd05abd49572e84fe55590eef31a88a08fdffd',
    )
  })

  it('with a gap or a number twice are refused', async () => {
    const [first] = THINGS.migrations
    if (first === undefined) throw new Error('there is one')
    for (const migrations of [[{ ...first, number: 2 }], [first, first]]) {
      await expect(open([{ room: 'test', migrations }])).rejects.toMatchObject({
        code: 'STORE_MIGRATION_MISSING',
      })
    }
  })
})
