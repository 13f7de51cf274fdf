// SPDX-License-Identifier: AGPL-3.0-or-later
/** `export` and `import`, from the command line down to the disk. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import type { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseSize, splitCar } from '../../src/cli/car-parts.ts'
import { runCli } from '../../src/cli/cli.ts'
import { partPath } from '../../src/cli/part-files.ts'
import { OwnerDesk } from '../../src/content/content.ts'
import { SystemClock } from '../../src/system/system.ts'
import { FakeNode, makeFolder } from './api-fake-node.ts'
import { contentsOf, exportFrom } from './carry-support.ts'
import {
  bytesOf,
  Cleanup,
  FakeCity,
  inPieces,
  MEBIBYTE,
  never,
  readAll,
  startNode,
  type TestNode,
} from './content-support.ts'

const FILM = bytesOf(1, 9 * MEBIBYTE + 5)
let cleanup: Cleanup
let stick: string
let here: TestNode
let there: TestNode
let film: CID
let song: CID

beforeEach(async () => {
  cleanup = new Cleanup()
  const made = await makeFolder()
  cleanup.add(made.remove)
  stick = made.folder
  ;[here, there] = [await start('here'), await start('there')]
  film = await add('film.mp4', FILM, 'public')
  song = await add('song.mp3', Buffer.from('la la'), 'private')
})
afterEach(() => cleanup.run())

function notHere(): never {
  throw new Error('nothing is published here')
}

async function start(name: string): Promise<TestNode> {
  const node = await startNode({ name, city: new FakeCity(), cleanup })
  const refusals = {
    publicationOf: () => undefined,
    refusalOf: () => undefined,
    publish: notHere,
    withdraw: notHere,
  }
  const items = new OwnerDesk({ content: node.content, refusals, dataFolder: node.folder })
  const { server } = new FakeNode(node.folder, { items, carrying: node.content })
  await server.start(never)
  cleanup.add(() => server.stop())
  return node
}

async function add(name: string, bytes: Uint8Array, visibility: 'public' | 'private') {
  return (await here.content.add(inPieces(bytes), { name, visibility, signal: never })).cid
}

async function cli(node: TestNode, argv: string[], stdin: Readable = Readable.from([])) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const [out, err] = [buffer(stdout), text(stderr)]
  const exitCode = await runCli(
    ['--data', node.folder, ...argv],
    {
      stdout,
      stderr,
      stdin,
      keyboard: undefined,
      isStdoutTerminal: false,
      isStderrTerminal: false,
      columns: 80,
      signal: never,
      clock: new SystemClock(),
    },
    {
      version: '0.1.0',
      defaultDataFolder: node.folder,
      openIdentityDesk: () => Promise.reject(new Error('no command here asks for it')),
      openSigner: () => Promise.reject(new Error('nothing is signed here')),
      readPermission: () => Promise.reject(new Error('nothing is read here')),
      startNode: () => Promise.reject(new Error('not here')),
      checkConfig: () => Promise.reject(new Error('not here')),
    },
  )
  stdout.end()
  stderr.end()
  const bytes = await out
  return { exitCode, bytes, stdout: bytes.toString(), stderr: await err }
}

describe('from one node to another', () => {
  it('by a file, with all names; private things are said to be readable', async () => {
    const file = join(stick, 'all.car')
    const exported = await cli(here, ['export', '--all', '-o', file])
    expect(exported).toMatchObject({ exitCode: 0, stdout: `${file}\n` })
    expect(exported.stderr).toMatch(/^1 private item will be in the file, and not encrypted/)
    expect(exported.stderr).toMatch(/Exported 2 items: 9 MiB/)
    expect(await readdir(stick)).toEqual(['all.car'])
    const imported = await cli(there, ['import', file])
    expect(imported).toMatchObject({
      exitCode: 0,
      stdout: `${film}  film.mp4\n${song}  song.mp3\n`,
      stderr: `${file}: 2 items.\n`,
    })
    expect((await readAll(there.content.openBytes(film))).equals(FILM)).toBe(true)
    expect(there.content.list().map(({ visibility }) => visibility)).toEqual(['private', 'private'])
    expect((await cli(there, ['import', '--public', file])).exitCode).toBe(0)
    expect(there.content.list().map(({ visibility }) => visibility)).toEqual(['public', 'public'])
  })

  it('by a pipe', async () => {
    const { bytes, exitCode } = await cli(here, ['export', film.toString()])
    expect(exitCode).toBe(0)
    expect(bytes.equals(await exportFrom(here.content, film))).toBe(true)
    const imported = await cli(there, ['import'], Readable.from([bytes]))
    expect(imported).toMatchObject({ exitCode: 0, stdout: `${film}  film.mp4\n` })
  })

  it('in parts, each a CAR, in any order', async () => {
    const exported = await cli(here, [
      '--json',
      ...['export', film.toString(), song.toString(), '--split', '4M', '-o', join(stick, 'a.car')],
    ])
    const names = ['a.001.car', 'a.002.car', 'a.003.car']
    expect(JSON.parse(exported.stdout).files).toEqual(names.map((name) => join(stick, name)))
    expect((await readdir(stick)).sort()).toEqual(names)
    for (const name of names) {
      expect((await stat(join(stick, name))).size).toBeLessThan(4 * MEBIBYTE)
      const { roots } = await contentsOf(await readFile(join(stick, name)))
      expect(roots.slice(0, 2).map(String)).toEqual([film, song].map(String))
    }
    const [first = '', second = '', third = ''] = names.map((name) => join(stick, name))
    const early = await cli(there, ['import', third])
    expect(early.exitCode).toBe(5)
    expect(early.stderr).toMatch(`Not whole yet, 1 block missing: ${film}`)
    const late = await cli(there, ['import', second, first])
    expect(late).toMatchObject({ exitCode: 0 })
    expect((await readAll(there.content.openBytes(film))).equals(FILM)).toBe(true)
    expect(there.content.get(song)?.name).toBe('song.mp3')
  })
})

describe('what goes wrong', () => {
  it('leaves nothing behind when the node stops in the middle', async () => {
    const { readdir: list } = await import('node:fs/promises')
    const bodies = (await list(join(here.folder, 'content'), { recursive: true })).filter((name) =>
      name.endsWith(film.toString()),
    )
    await writeFile(join(here.folder, 'content', bodies[0] ?? ''), FILM.subarray(0, 5 * MEBIBYTE))
    const failed = await cli(here, ['export', film.toString(), '-o', join(stick, 'a.car')])
    expect(failed.exitCode).not.toBe(0)
    expect(await readdir(stick)).toEqual([])
  })

  it('says what a damaged file is, and keeps what is right', async () => {
    const car = await exportFrom(here.content, song, film)
    await writeFile(join(stick, 'cut.car'), car.subarray(0, 5 * MEBIBYTE))
    const imported = await cli(there, ['import', join(stick, 'cut.car')])
    expect(imported).toMatchObject({ exitCode: 5, stdout: `${song}  song.mp3\n` })
    expect(imported.stderr).toMatch('it ends in the middle')
    expect(imported.stderr).toMatch(`blocks missing: ${film}`)
  })

  it.each<[string, string[], number, RegExp]>([
    ['no items', ['export', '-o', 'x.car'], 2, /Say which items/],
    ['items and all', ['export', 'bafy', '--all'], 2, /Say which items/],
    ['an item that is not here', ['export', 'bafkqabiaaebagba'], 5, /does not have that item/],
    ['no size', ['export', '--all', '--split', 'much', '-o', 'x.car'], 2, /is no size/],
    ['tiny parts', ['export', '--all', '--split', '1M', '-o', 'x.car'], 2, /at least 3/],
    ['parts of a pipe', ['export', '--all', '--split', '4G'], 2, /Only files can be split/],
    ['JSON beside bytes', ['--json', 'export', '--all'], 2, /cannot go to the output too/],
    ['a file that is not there', ['import', '/nonexistent/a.car'], 5, /no such file/],
  ])('is said: %s', async (_title, argv, exitCode, words) => {
    const failed = await cli(here, argv)
    expect(failed).toMatchObject({ exitCode })
    expect(failed.stderr).toMatch(words)
  })

  it('is said: what is no CAR, and a file that is there already', async () => {
    const file = join(stick, 'a.txt')
    await writeFile(file, 'hello')
    const imported = await cli(there, ['import', file])
    expect(imported).toMatchObject({ exitCode: 2 })
    expect(imported.stderr).toMatch(/This is no CAR file/)
    const exported = await cli(here, ['export', '--all', '-o', file])
    expect(exported).toMatchObject({ exitCode: 6 })
    expect(await readFile(file, 'utf8')).toBe('hello')
    expect((await cli(here, ['export', '--all', '--force', '-o', file])).exitCode).toBe(0)
  })

  it('is said: one of the parts is there already; then none is written', async () => {
    await mkdir(join(stick, 'a.002.car'))
    const argv = ['export', '--all', '--split', '4M', '-o', join(stick, 'a.car')]
    expect((await cli(here, argv)).exitCode).toBe(2)
    expect(await readdir(stick)).toEqual(['a.002.car'])
  })
})

describe('parts', () => {
  it('are as large as they may be, and lose nothing, however the bytes come', async () => {
    const car = await exportFrom(here.content, film, song)
    const { blocks } = await contentsOf(car)
    for (const [length, partBytesMax] of [
      [17, 5 * MEBIBYTE],
      [65_536, 2 * MEBIBYTE + 99_999],
      [car.length, Number.POSITIVE_INFINITY],
    ] as const) {
      const parts: Uint8Array[][] = []
      for await (const { part, bytes } of splitCar(inPieces(car, length), partBytesMax)) {
        parts[part - 1] = [...(parts[part - 1] ?? []), Buffer.from(bytes)]
      }
      const cars = await Promise.all(parts.map((pieces) => contentsOf(Buffer.concat(pieces))))
      const [notes] = cars[0]?.blocks ?? []
      const found = cars.flatMap((one) => one.blocks.slice(1))
      expect([notes, ...found].map((block) => String(block?.cid))).toEqual(
        blocks.map(({ cid }) => String(cid)),
      )
      for (const pieces of parts) {
        expect(Buffer.concat(pieces).length).toBeLessThanOrEqual(partBytesMax)
      }
    }
    await expect(readAll(bytesOnly(splitCar(inPieces(car), 1000)))).rejects.toThrow('cannot hold')
    await expect(
      readAll(bytesOnly(splitCar(inPieces(car.subarray(0, -1)), MEBIBYTE * 50))),
    ).rejects.toThrow('before the export was complete')
  })

  it('have sizes and names that people expect', () => {
    expect(['4G', '4 GiB', '700m', '1.5KB', '12'].map(parseSize)).toEqual([
      2 ** 32,
      2 ** 32,
      700 * MEBIBYTE,
      1536,
      12,
    ])
    for (const wrong of ['', '-1', 'G', '4X', '0', '1e9', '99999999T']) {
      expect(() => parseSize(wrong), wrong).toThrow('is no size')
    }
    expect(partPath('/a.b/film.car', 2, 3)).toBe('/a.b/film.002.car')
    expect(partPath('film', 12, 99)).toBe('film.012')
    expect(partPath('film.car', 1, 1)).toBe('film.car')
  })
})

async function* bytesOnly(pieces: AsyncIterable<{ bytes: Uint8Array }>) {
  for await (const { bytes } of pieces) yield bytes
}
