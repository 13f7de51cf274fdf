// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * How a secret comes from the owner: typed without being shown, or from a file or pipe. Never from
 * arguments or the environment, which other programs of the machine can read.
 */
import { StringDecoder } from 'node:string_decoder'
import { abortReason, CodedError } from '../base/base.ts'
import { readSmall, readSmallFile } from './files.ts'
import { PASSPHRASE_BYTES_MAX, PASSPHRASE_CHARACTERS_MIN } from './limits.ts'
import type { CliIo, Keyboard } from './output.ts'

const STANDARD_INPUT = '-'

/** A new passphrase: long enough, and typed twice where it is typed. */
export async function askNewPassphrase(io: CliIo, file: string | undefined): Promise<string> {
  const passphrase = await askPassphrase(io, file, 'New passphrase for the backup: ')
  if ([...passphrase].length < PASSPHRASE_CHARACTERS_MIN) {
    throw new CodedError(
      'USAGE',
      `A passphrase has ${PASSPHRASE_CHARACTERS_MIN} characters at least.`,
      { advice: 'Four or more words that have nothing to do with each other are a good one.' },
    )
  }
  if (file === undefined && (await askPassphrase(io, file, 'Once more: ')) !== passphrase) {
    throw new CodedError('USAGE', 'The two were not the same, so nothing was done.')
  }
  return passphrase
}

/** @param file Where to read it instead of asking; `-` is standard input. */
export async function askPassphrase(
  io: CliIo,
  file: string | undefined,
  question: string,
): Promise<string> {
  if (file !== undefined) return readPassphrase(io, file)
  if (io.keyboard !== undefined) return askHidden(io, io.keyboard, question)
  throw new CodedError('USAGE', 'There is no terminal to ask for the passphrase on.', {
    advice: 'Give it in a file: --passphrase-file FILE (- is standard input).',
  })
}

/** What is typed until Enter, without showing it. */
export function askHidden(io: CliIo, keyboard: Keyboard, question: string): Promise<string> {
  const { stderr, signal } = io
  return new Promise((resolve, reject) => {
    const line = new HiddenLine()
    const end = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort)
      keyboard.off('data', onData)
      keyboard.off('end', onEnd)
      keyboard.pause()
      keyboard.setRawMode(false)
      stderr.write('\n')
      settle()
    }
    const interrupt = (reason: Error): void => end(() => reject(reason))
    const onAbort = (): void => interrupt(abortReason(signal))
    const onEnd = (): void => interrupt(new CodedError('ABORTED', 'The terminal went away.'))
    const onData = (chunk: Buffer): void => {
      const outcome = line.type(chunk)
      if (outcome === 'interrupted') interrupt(new CodedError('ABORTED', 'Called off.'))
      if (outcome !== 'done') return
      end(() => resolve(line.text))
      // Pasted together with what comes next: for the next question.
      if (line.rest !== '') keyboard.unshift(Buffer.from(line.rest))
    }
    if (signal.aborted) return reject(abortReason(signal))
    // First, so that not even the first letter is shown.
    keyboard.setRawMode(true)
    stderr.write(question)
    signal.addEventListener('abort', onAbort, { once: true })
    keyboard.on('data', onData)
    keyboard.once('end', onEnd)
    keyboard.resume()
  })
}

/** What a terminal does with keys by itself, when it does not echo them. */
class HiddenLine {
  readonly #decoder = new StringDecoder('utf8')
  #typed: string[] = []
  /** What came after Enter. */
  rest = ''

  get text(): string {
    return this.#typed.join('')
  }

  type(chunk: Buffer): 'more' | 'done' | 'interrupted' {
    const characters = [...this.#decoder.write(chunk)]
    for (const [index, character] of characters.entries()) {
      switch (character) {
        case '\r':
        case '\n':
          this.rest = characters.slice(index + 1).join('')
          return 'done'
        // Ctrl-C, Ctrl-D.
        case '\x03':
        case '\x04':
          return 'interrupted'
        // Backspace, by either of its names.
        case '\x7f':
        case '\b':
          this.#typed.pop()
          break
        // Ctrl-U.
        case '\x15':
          this.#typed = []
          break
        // An arrow or another key without a letter: the rest of it is no text.
        case '\x1b':
          return 'more'
        default:
          if (character >= ' ' && this.#typed.length < PASSPHRASE_BYTES_MAX) {
            this.#typed.push(character)
          }
      }
    }
    return 'more'
  }
}

async function readPassphrase(io: CliIo, file: string): Promise<string> {
  const bytes =
    file === STANDARD_INPUT
      ? await readSmall(io.stdin, {
          name: 'Standard input',
          sizeBytesMax: PASSPHRASE_BYTES_MAX,
          signal: io.signal,
        })
      : await readSmallFile(file, PASSPHRASE_BYTES_MAX, io.signal)
  const text = decode(bytes).replace(/\r?\n$/, '')
  if (text === '' || text.includes('\n')) {
    throw new CodedError('USAGE', 'A passphrase file holds the passphrase alone, on one line.')
  }
  return text
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new CodedError('USAGE', 'The passphrase file is not text in UTF-8.', { cause })
  }
}
