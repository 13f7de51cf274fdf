// SPDX-License-Identifier: AGPL-3.0-or-later
/** Archives stream in as entries; what is hostile, damaged or cannot be kept is refused by name. */
import { describe, expect, it } from 'vitest'
import { CodedError } from '../../src/base/base.ts'
import { entriesOfTar } from '../../src/content/sources/sources.ts'
import { contentOf } from './content-folder-support.ts'
import { AT_2020, archiveOf, rawEntry, tarEntry, tarFile } from './tar-support.ts'

interface ReadEntry {
  kind: string
  path: string
  content?: string
  target?: string
  mode?: number | undefined
  modifiedAt?: unknown
}

async function readAll(archive: Uint8Array, pieceBytes = 1000): Promise<ReadEntry[]> {
  const found: ReadEntry[] = []
  for await (const entry of entriesOfTar(contentOf(archive, pieceBytes))) {
    const { kind, path, mode, modifiedAt } = entry
    const read: ReadEntry = { kind, path, mode, modifiedAt }
    if (entry.kind === 'symlink') read.target = entry.target
    if (entry.kind === 'file') {
      const parts: Buffer[] = []
      for await (const part of entry.content) parts.push(Buffer.from(part))
      read.content = Buffer.concat(parts).toString()
    }
    found.push(read)
  }
  return found
}

async function failureOf(archive: Uint8Array): Promise<CodedError> {
  const error: unknown = await readAll(archive).catch((thrown: unknown) => thrown)
  if (!(error instanceof CodedError)) throw new Error(`not refused: ${JSON.stringify(error)}`)
  return error
}

const long = `${'deep/'.repeat(60)}file`
const sample = archiveOf(
  tarEntry({ kind: 'folder', path: '.', mode: 0o755 }),
  tarFile('./a', 'hello'),
  tarEntry({ kind: 'folder', path: 'b', mode: 0o700 }),
  tarFile('b/größe', 'x'.repeat(2000)),
  tarFile(long, ''),
  tarEntry({ kind: 'symlink', path: 'link', target: '../outside' }),
  tarEntry({ kind: 'symlink', path: 'long', target: 't'.repeat(300) }),
)

describe('an archive', () => {
  it('gives its entries, however its bytes arrive', async () => {
    const expected = [
      { kind: 'folder', path: '', mode: 0o755 },
      { kind: 'file', path: 'a', content: 'hello', mode: 0o644, modifiedAt: AT_2020 },
      { kind: 'folder', path: 'b', mode: 0o700 },
      { kind: 'file', path: 'b/größe', content: 'x'.repeat(2000) },
      { kind: 'file', path: long, content: '' },
      { kind: 'symlink', path: 'link', target: '../outside' },
      { kind: 'symlink', path: 'long', target: 't'.repeat(300) },
    ]
    for (const pieceBytes of [1, 511, 512, 513, 4096, sample.length]) {
      expect(await readAll(sample, pieceBytes)).toMatchObject(expected)
    }
  })

  it('with the long names of GNU tar, and folders as very old programs write them', async () => {
    const archive = archiveOf(
      rawEntry('L', '././@LongLink', `${long}\0`),
      rawEntry('0', 'shortened', 'y'),
      rawEntry('K', '././@LongLink', `${'t'.repeat(200)}\0`),
      rawEntry('2', 'link'),
      rawEntry('0', 'old/'),
      rawEntry('g', 'pax_global_header', '17 comment=abcde\n'),
    )
    expect(await readAll(archive)).toMatchObject([
      { kind: 'file', path: long, content: 'y' },
      { kind: 'symlink', path: 'link', target: 't'.repeat(200) },
      { kind: 'folder', path: 'old' },
    ])
  })

  it('whose contents nobody reads goes on with the next entry', async () => {
    const paths: string[] = []
    const archive = archiveOf(tarFile('a', 'x'.repeat(5000)), tarFile('b', 'y'))
    for await (const { path } of entriesOfTar(contentOf(archive, 700))) paths.push(path)
    expect(paths).toEqual(['a', 'b'])
  })

  it('is not read ahead, and let go of when nobody wants more', async () => {
    let givenBytes = 0
    let isLetGo = false
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield tarFile('a', 'x'.repeat(512))
        for (;;) {
          givenBytes += 1024
          yield tarFile('b', 'y')
        }
      } finally {
        isLetGo = true
      }
    }
    for await (const entry of entriesOfTar(source())) {
      if (entry.kind !== 'file') continue
      for await (const _part of entry.content) break
      break
    }
    expect(givenBytes).toBe(0)
    expect(isLetGo).toBe(true)
  })

  it('of files beyond 8 GiB says their size', async () => {
    const sizeBytes = 9 * 1024 ** 3
    const head = tarEntry({ kind: 'file', path: 'huge', sizeBytes })
    let readBytes = 0
    for await (const entry of entriesOfTar(contentOf(head))) {
      if (entry.kind !== 'file') continue
      const reading = (async () => {
        for await (const part of entry.content) readBytes += part.length
      })()
      await expect(reading).rejects.toThrow(/ends within a file/)
      break
    }
    expect(readBytes).toBe(0)
  })
})

describe('damage', () => {
  it('wherever an archive is cut off, it is not taken for whole', async () => {
    const marks = sample.length - 1024
    for (let length = 0; length < marks; length += 101) {
      const error = await failureOf(sample.subarray(0, length))
      expect(error.code).toBe('CONTENT_ARCHIVE_DAMAGED')
    }
  })

  const damages: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['nothing at all', Buffer.alloc(0), /before its end mark/],
    ['no archive', Buffer.alloc(2048, 'gzip'), /wrong checksum/],
    ['another one behind it', Buffer.concat([sample, sample]), /follows its end mark/],
    ['a malformed pax header', archiveOf(rawEntry('x', 'p', '99 path=a\n')), /malformed/],
    ['a size that is none', archiveOf(rawEntry('x', 'p', '11 size=-1\n')), /no readable size/],
    ['a time that is none', archiveOf(rawEntry('x', 'p', '14 mtime=soon\n')), /no readable time/],
    ['one path for all', archiveOf(rawEntry('g', 'p', '10 path=a\n')), /names all entries/],
    ['an endless name', archiveOf(rawEntry('L', 'l', 'x'.repeat(2 ** 20 + 1))), /far too long/],
  ]
  for (const [what, archive, message] of damages) {
    it(what, async () => {
      const error = await failureOf(archive)
      expect(error.code).toBe('CONTENT_ARCHIVE_DAMAGED')
      expect(error.message).toMatch(message)
    })
  }
})

describe('refusals', () => {
  const refusals: readonly (readonly [string, Uint8Array, string, RegExp])[] = [
    ['absolute', rawEntry('0', '/etc/passwd'), 'CONTENT_PATH_REFUSED', /“\/etc\/passwd”/],
    ['upward', rawEntry('0', 'a/../../b'), 'CONTENT_PATH_REFUSED', /“a\/..\/..\/b”/],
    ['upward folder', rawEntry('5', '../'), 'CONTENT_PATH_REFUSED', /“\.\.”/],
    ['empty', rawEntry('0', ''), 'CONTENT_PATH_REFUSED', /no name/],
    ['a file as the folder itself', rawEntry('0', '.'), 'CONTENT_PATH_REFUSED', /no name/],
    ['double slash', rawEntry('0', 'a//b'), 'CONTENT_PATH_REFUSED', /empty/],
    [
      'a zero byte in pax',
      Buffer.concat([rawEntry('x', 'p', '12 path=a\0b\n'), rawEntry('0', 'a')]),
      'CONTENT_PATH_REFUSED',
      /zero byte/,
    ],
    [
      'Latin-1',
      rawEntry('0', Buffer.from([0x67, 0xfc])),
      'CONTENT_PATH_REFUSED',
      /not valid UTF-8/,
    ],
    ['hard link', rawEntry('1', 'h'), 'CONTENT_ARCHIVE_UNSUPPORTED', /hard link in it, “h”/],
    ['device', rawEntry('3', 'null'), 'CONTENT_ARCHIVE_UNSUPPORTED', /device in it, “null”/],
    ['block device', rawEntry('4', 'sda'), 'CONTENT_ARCHIVE_UNSUPPORTED', /device in it, “sda”/],
    ['pipe', rawEntry('6', 'p'), 'CONTENT_ARCHIVE_UNSUPPORTED', /pipe in it, “p”/],
    ['GNU sparse', rawEntry('S', 's'), 'CONTENT_ARCHIVE_UNSUPPORTED', /sparse file in it, “s”/],
    [
      'pax sparse',
      Buffer.concat([rawEntry('x', 'p', '22 GNU.sparse.major=1\n'), rawEntry('0', 'a')]),
      'CONTENT_ARCHIVE_UNSUPPORTED',
      /sparse file/,
    ],
    ['multi-volume', rawEntry('M', 'm'), 'CONTENT_ARCHIVE_UNSUPPORTED', /unknown kind in it, “m”/],
  ]
  for (const [what, entry, code, message] of refusals) {
    it(what, async () => {
      const error = await failureOf(archiveOf(entry))
      expect(error.message).toMatch(message)
      expect(error).toMatchObject({ code, advice: expect.any(String) })
    })
  }
})
