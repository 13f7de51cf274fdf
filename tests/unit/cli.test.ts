// SPDX-License-Identifier: AGPL-3.0-or-later
/** The command line's small pure parts, and that its documentation says what it does. */
import { readFileSync } from 'node:fs'
import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { CodedError, VirtualClock } from '../../src/base/base.ts'
import { EXIT, EXIT_MEANINGS, exitCodeOf } from '../../src/cli/exit-codes.ts'
import { type CliIo, formatFacts, formatTable, plain } from '../../src/cli/output.ts'
import { formatProgress, ProgressBar } from '../../src/cli/progress-bar.ts'
import { explainSocketError } from '../../src/cli/unix-transport.ts'
import { ApiProblem } from '../../src/contract/contract.ts'

const DOCS = readFileSync(new URL('../../docs/CLI.md', import.meta.url), 'utf8')

describe('exit codes', () => {
  it('are in docs/CLI.md as they are in the program', () => {
    const section = DOCS.slice(DOCS.indexOf('## Exit codes'), DOCS.indexOf('## JSON'))
    const rows = [...section.matchAll(/^\| (\d+) \| (.+) \|$/gm)]
    const documented = Object.fromEntries(rows.map((row) => [row[1] ?? '', row[2]]))
    expect(documented).toEqual(EXIT_MEANINGS)
    expect(Object.keys(EXIT_MEANINGS).map(Number).sort()).toEqual(Object.values(EXIT).sort())
  })

  it.each([
    [400, EXIT.usage],
    [403, EXIT.refused],
    [404, EXIT.notAvailable],
    [504, EXIT.notAvailable],
    [507, EXIT.refused],
    [500, EXIT.crash],
  ])('HTTP %i ends with %i', (status, exitCode) => {
    const problem = { type: '', title: '', status, code: 'X', detail: 'x' }
    expect(exitCodeOf(new ApiProblem(problem))).toBe(exitCode)
  })

  it('tell a missing node from a crash', () => {
    expect(exitCodeOf(new CodedError('NO_DAEMON', ''))).toBe(EXIT.noDaemon)
    expect(exitCodeOf(new Error('oops'))).toBe(EXIT.crash)
  })
})

describe('a socket that cannot be reached', () => {
  it.each([
    ['ENOENT', 'NO_DAEMON', EXIT.noDaemon],
    ['ECONNREFUSED', 'NO_DAEMON', EXIT.noDaemon],
    ['EACCES', 'NOT_YOUR_NODE', EXIT.refused],
    ['ENAMETOOLONG', 'CONTROL_PATH_TOO_LONG', EXIT.usage],
    ['ECONNRESET', 'API_BROKEN_OFF', EXIT.notAvailable],
  ])('%s is %s', (errno, code, exitCode) => {
    const failed = Object.assign(new Error('connect'), { code: errno })
    const error = explainSocketError(failed, { socketPath: '/d/control.sock', dataFolder: '/d' })
    expect(error).toMatchObject({ code, advice: expect.any(String) })
    expect(exitCodeOf(error)).toBe(exitCode)
  })
})

describe('docs/CLI.md', () => {
  it('has only JSON that is JSON', () => {
    const examples = [...DOCS.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
    expect(examples.length).toBeGreaterThanOrEqual(5)
    for (const example of examples) expect(() => JSON.parse(example)).not.toThrow()
  })
})

describe('progress', () => {
  it('tells share, sizes, rate and what is left', () => {
    expect(
      formatProgress({
        label: 'Fetching',
        doneBytes: 512 * 1024,
        totalBytes: 2 * 1024 * 1024,
        bytesPerSecond: 256 * 1024,
      }),
    ).toBe('Fetching  [######..................]  25 %  512 KiB of 2 MiB  256 KiB/s  6 s left')
  })

  it('claims nothing it cannot know', () => {
    const figures = { label: 'Adding', doneBytes: 2048, totalBytes: undefined }
    expect(formatProgress({ ...figures, bytesPerSecond: undefined })).toBe('Adding  2 KiB')
    const empty = { label: 'Adding', doneBytes: 0, totalBytes: 0, bytesPerSecond: 0 }
    expect(formatProgress(empty)).toBe(
      'Adding  [########################] 100 %  0 B of 0 B  0 B/s',
    )
  })

  it('is drawn now and then, within the width, and taken away', () => {
    const clock = new VirtualClock()
    const drawn: string[] = []
    const stderr = new Writable({
      write: (chunk, _encoding, done) => {
        drawn.push(String(chunk))
        done()
      },
    })
    const io = { isStderrTerminal: true, stderr, clock, columns: 40 }
    // The bar uses these four and nothing else.
    const bar = new ProgressBar(io as unknown as CliIo, 'Adding')
    for (let step = 0; step < 100; step++) {
      bar.update(step * 1000, 100_000)
      clock.advance(10)
    }
    bar.clear()
    bar.clear()
    expect(drawn).toHaveLength(11)
    for (const line of drawn) expect(line.replace('\r\x1b[K', '').length).toBeLessThan(40)
    expect(drawn.at(-1)).toBe('\r\x1b[K')
  })
})

describe('tables', () => {
  it('are as wide as they need to be, without trailing blanks', () => {
    const table = formatTable(['A', 'LONGER', 'C'], [['much longer', 'b', '']])
    expect(table).toBe('A            LONGER  C\nmuch longer  b')
    expect(
      formatFacts([
        ['City', 'lisbon'],
        ['Running for', '1 s'],
      ]),
    ).toBe('City:         lisbon\nRunning for:  1 s')
  })

  it('show what strangers wrote, harmless and short', () => {
    expect(plain('a\x1b[31mb\u202ec\nd\u009be')).toBe('a\ufffd[31mb\ufffdc\ufffdd\ufffde')
    expect(plain('x'.repeat(100), 10)).toBe(`${'x'.repeat(9)}…`)
  })
})
