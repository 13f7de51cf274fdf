// SPDX-License-Identifier: AGPL-3.0-or-later
/** `identity`, `backup` and `restore` as an owner types them, on real folders without a node. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable, Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/base/base.ts'
import { type CliIo, type Keyboard, runCli } from '../../src/cli/cli.ts'
import { openIdentity } from '../../src/identity/identity.ts'
import { createIdentityDesk } from '../../src/node/identity-desk.ts'
import { SystemClock } from '../../src/system/system.ts'

const PASSPHRASE = 'correct horse battery staple'

let root = ''
let data = ''
let peerId = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'citynode-identity-cli-'))
  data = join(root, 'data')
  await mkdir(data)
  peerId = (await openIdentity({ folder: data, log: silentLogger })).peerId
  await writeFile(join(data, 'citynode.toml'), '[city]\nid = "lisbon"\n')
})
afterEach(() => rm(root, { recursive: true }))

/** What is said last before somebody is to type. */
const QUESTION = /(?:backup|Once more): $|shoulder\.\n$|^\d+ of 24\.\n$|again\.\n$/

/** Somebody at a terminal: types each answer once the question is there. */
class Typist extends PassThrough implements Keyboard {
  readonly #answers: string[]
  /** Whether keys were hidden, at each answer. */
  readonly wasHidden: boolean[] = []
  isRaw = false

  constructor(answers: readonly string[]) {
    super()
    this.#answers = [...answers]
  }

  setRawMode(isRaw: boolean): void {
    this.isRaw = isRaw
  }

  hear(said: string): void {
    if (!QUESTION.test(said)) return
    const answer = this.#answers.shift()
    if (answer === undefined) return
    this.wasHidden.push(this.isRaw)
    setImmediate(() => this.write(answer))
  }
}

interface Ran {
  code: number
  stdout: string
  stderr: string
}

async function cli(
  argv: readonly string[],
  around: {
    keyboard?: Typist
    stdin?: string | Readable
    isTerminal?: boolean
    signal?: AbortSignal
  } = {},
): Promise<Ran> {
  const said = { stdout: '', stderr: '' }
  const into = (name: 'stdout' | 'stderr'): Writable =>
    new Writable({
      write: (chunk, _encoding, done) => {
        said[name] += String(chunk)
        if (name === 'stderr') around.keyboard?.hear(String(chunk))
        done()
      },
    })
  const io: CliIo = {
    stdout: into('stdout'),
    stderr: into('stderr'),
    stdin: around.keyboard ?? streamOf(around.stdin ?? ''),
    keyboard: around.keyboard,
    isStdoutTerminal: around.isTerminal ?? false,
    isStderrTerminal: around.isTerminal ?? false,
    columns: 80,
    signal: around.signal ?? new AbortController().signal,
    clock: new SystemClock(),
  }
  const code = await runCli(argv, io, {
    version: '0.1.0',
    defaultDataFolder: data,
    openSigner: () => Promise.reject(new Error('nothing is signed here')),
    readPermission: () => Promise.reject(new Error('nothing is read here')),
    startNode: () => Promise.reject(new Error('not here')),
    checkConfig: () => Promise.reject(new Error('not here')),
    openIdentityDesk: async (options) => createIdentityDesk({ ...options, clock: io.clock }),
  })
  return { code, ...said }
}

function streamOf(stdin: string | Readable): Readable {
  return typeof stdin === 'string' ? Readable.from([Buffer.from(stdin)]) : stdin
}

async function passphraseFile(text = `${PASSPHRASE}\n`): Promise<string> {
  const path = join(root, 'passphrase')
  await writeFile(path, text)
  return path
}

async function backup(): Promise<string> {
  const file = join(root, 'node.age')
  const ran = await cli(['backup', file, '--passphrase-file', await passphraseFile()])
  expect(ran.code, ran.stderr).toBe(0)
  return file
}

describe('identity', () => {
  it('show: who this node is', async () => {
    const ran = await cli(['identity', 'show'])
    expect(ran).toMatchObject({ code: 0, stderr: '' })
    expect(ran.stdout).toContain(peerId)
    expect(ran.stdout).toContain('did:key:z6Mk')
    const json = JSON.parse((await cli(['--json', 'identity', 'show'])).stdout)
    expect(json).toEqual({
      peerId,
      did: expect.stringMatching(/^did:key:/),
      keyFileWrittenAt: expect.stringMatching(/Z$/),
      dataFolder: data,
    })
  })

  it('words: numbered on a terminal, with a warning beside them', async () => {
    const ran = await cli(['identity', 'words'], { isTerminal: true })
    expect(ran.code).toBe(0)
    expect(ran.stdout.trimEnd().split('\n')).toHaveLength(24)
    expect(ran.stdout).toMatch(/^ 1\. [a-z]+\n[\s\S]*\n24\. [a-z]+\n$/)
    expect(ran.stderr).toContain('Whoever has them can be this node')
  })

  it('words: not into a file or pipe by accident', async () => {
    const ran = await cli(['identity', 'words'])
    expect(ran).toMatchObject({ code: 2, stdout: '' })
    expect(ran.stderr).toContain('--yes')
    expect((await cli(['identity', 'words', '--yes'])).stdout).toMatch(/^ 1\. /)
    const { words } = JSON.parse((await cli(['--json', 'identity', 'words'])).stdout)
    expect(words).toHaveLength(24)
  })

  it('of a folder without a key: not found, and none is made', async () => {
    const ran = await cli(['identity', 'show', '--data', join(root, 'none')])
    expect(ran.code).toBe(5)
    expect(await readdir(root)).toEqual(['data'])
  })
})

describe('backup', () => {
  it('asks twice without showing, and writes a file that only its owner can read', async () => {
    const keyboard = new Typist([`${PASSPHRASE}\r`, `${PASSPHRASE}\r`])
    const file = join(root, 'node.age')
    const ran = await cli(['backup', file], { keyboard })
    expect(ran).toMatchObject({ code: 0, stdout: '' })
    expect(keyboard.wasHidden).toEqual([true, true])
    expect(keyboard.isRaw).toBe(false)
    expect(ran.stderr).not.toContain(PASSPHRASE)
    expect(ran.stderr).toContain(peerId)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect((await readdir(root)).sort()).toEqual(['data', 'node.age'])
  })

  it('knows the keys of a line: backspace, Ctrl-U, and what is pasted ahead', async () => {
    const typed = 'nonsense\x15correct horsX\x7fe battery staple é\r'
    const keyboard = new Typist([typed, 'correct horse battery staple é\r'])
    expect((await cli(['backup', join(root, 'a.age')], { keyboard })).code).toBe(0)
    const pasted = new Typist([`${PASSPHRASE}\r${PASSPHRASE}\r`])
    expect((await cli(['backup', join(root, 'b.age')], { keyboard: pasted })).code).toBe(0)
  })

  it('is called off by Ctrl-C, which is a key while nothing is shown', async () => {
    const keyboard = new Typist(['corr\x03'])
    expect((await cli(['backup', join(root, 'a.age')], { keyboard })).code).toBe(130)
    expect(keyboard.isRaw).toBe(false)
    const stop = new AbortController()
    const waiting = cli(['backup', join(root, 'a.age')], {
      keyboard: new Typist([]),
      signal: stop.signal,
    })
    setImmediate(() => stop.abort())
    expect((await waiting).code).toBe(130)
    expect(await readdir(root)).toEqual(['data'])
  })

  it.each([
    ['too short', ['short\r'], '12 characters'],
    ['not the same twice', [`${PASSPHRASE}\r`, `${PASSPHRASE}r\r`], 'not the same'],
  ])('%s: nothing is written', async (_name, answers, said) => {
    const ran = await cli(['backup', join(root, 'a.age')], { keyboard: new Typist(answers) })
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(said)
    expect(await readdir(root)).toEqual(['data'])
  })

  it('without a terminal says where to give the passphrase', async () => {
    const ran = await cli(['backup', join(root, 'a.age')])
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain('--passphrase-file')
  })

  it('takes it from standard input', async () => {
    const argv = ['--json', 'backup', join(root, 'a.age'), '--passphrase-file', '-']
    const ran = await cli(argv, { stdin: `${PASSPHRASE}\r\n` })
    expect(JSON.parse(ran.stdout)).toMatchObject({ peerId, settingsFiles: ['citynode.toml'] })
    const restored = await cli(
      ['restore', join(root, 'a.age'), '--data', join(root, 'n'), '--passphrase-file', '-'],
      { stdin: PASSPHRASE },
    )
    expect(restored).toMatchObject({ code: 0, stdout: `${peerId}\n` })
  })

  it.each(['', '\n', 'two\nlines of text\n', '\xff'.repeat(2_000)])(
    'refuses a passphrase file that holds %j',
    async (text) => {
      const file = await passphraseFile(text)
      const ran = await cli(['backup', join(root, 'a.age'), '--passphrase-file', file])
      expect(ran.code).toBe(2)
    },
  )

  it('never replaces a file unless told to', async () => {
    const file = await backup()
    const before = await readFile(file)
    const again = ['backup', file, '--passphrase-file', await passphraseFile()]
    expect((await cli(again)).code).toBe(6)
    expect(await readFile(file)).toEqual(before)
    expect((await cli([...again, '--force'])).code).toBe(0)
    expect(await readFile(file)).not.toEqual(before)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })
})

describe('restore', () => {
  it('from a file: says which node this is, and warns of the old card', async () => {
    const file = await backup()
    const keyboard = new Typist([`${PASSPHRASE}\r`])
    const ran = await cli(['restore', file, '--data', join(root, 'new')], { keyboard })
    expect(ran).toMatchObject({ code: 0, stdout: `${peerId}\n` })
    expect(ran.stderr).toContain('old card')
    expect(keyboard.wasHidden).toEqual([true])
    const there = (name: string) => readFile(join(root, 'new', name), 'utf8')
    expect(await there('citynode.toml')).toContain('lisbon')
  })

  it('from words that are typed: a slip costs one line', async () => {
    const { words } = JSON.parse((await cli(['--json', 'identity', 'words'])).stdout)
    const lines = [0, 8, 16].map((at) => `${words.slice(at, at + 8).join(' ')}\n`)
    const [first = '', second = '', third = ''] = lines
    const keyboard = new Typist([first, second.replace(/^\w+/, 'qqqqq'), second, third])
    const ran = await cli(['restore', '--words', '--data', join(root, 'new')], { keyboard })
    expect(ran).toMatchObject({ code: 0, stdout: `${peerId}\n` })
    expect(ran.stderr).toContain('word 9: "qqqqq" is not a recovery word.')
    expect(ran.stderr).toContain('16 of 24.')
  })

  it('from words that are piped: says what is wrong and does nothing', async () => {
    const { stdout } = await cli(['identity', 'words', '--yes'])
    const wrong = stdout.replace(/^ 3\. \w+$/m, ' 3. qqqqq')
    const argv = ['restore', '--words', '--data', join(root, 'new')]
    const refused = await cli(argv, { stdin: wrong })
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toContain('word 3')
    expect(await readdir(root)).toEqual(['data'])
    expect(await cli(argv, { stdin: stdout })).toMatchObject({ code: 0, stdout: `${peerId}\n` })
  })

  it('over a key that is there: refused before anything is asked', async () => {
    const file = await backup()
    for (const argv of [
      ['restore', file],
      ['restore', '--words'],
    ]) {
      const ran = await cli(argv, { keyboard: new Typist([]) })
      expect(ran).toMatchObject({ code: 6, stdout: '' })
      expect(ran.stderr).toContain('never replaced')
      expect(ran.stderr).not.toContain('Passphrase')
    }
  })

  it.each([
    ['the wrong passphrase', 'wrong passphrase here', 6, 'does not open'],
    ['the right one', PASSPHRASE, 0, 'is now the node'],
  ])('with %s', async (_name, text, code, said) => {
    const file = await backup()
    const argv = ['restore', file, '--data', join(root, 'new')]
    const ran = await cli([...argv, '--passphrase-file', await passphraseFile(text)])
    expect(ran.code).toBe(code)
    expect(ran.stderr).toContain(said)
  })

  it('that waits for a pipe ends when it is called off', async () => {
    for (const argv of [['--words'], [await backup(), '--passphrase-file', '-']]) {
      const stop = new AbortController()
      const ran = cli(['restore', ...argv, '--data', join(root, 'new')], {
        stdin: new PassThrough(),
        signal: stop.signal,
      })
      setTimeout(() => stop.abort(), 20)
      expect((await ran).code).toBe(130)
    }
  })

  it('says what to restore from, or why it cannot be', async () => {
    const into = ['--data', join(root, 'new')]
    expect((await cli(['restore', ...into])).code).toBe(2)
    expect((await cli(['restore', 'x', '--words', ...into])).code).toBe(2)
    expect((await cli(['restore', join(root, 'missing'), ...into])).code).toBe(5)
    expect((await cli(['restore', root, ...into])).code).toBe(2)
  })
})
