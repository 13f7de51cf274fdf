// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest'
import {
  COMMANDS,
  type CommandWords,
  commandNeedsTime,
  commandOfNeed,
  wordsOfCommand,
} from '../../src/access/access.ts'
import { REFUSAL_CODES, refusalOf } from '../../src/access/refusal.ts'
import { isCommand } from '../../src/access/tokens/tokens.ts'

const table: readonly (readonly [string, CommandWords])[] = Object.entries(COMMANDS)

describe('the table of commands', () => {
  it.each(table)('%s is a command whose parent is one, in words', (command, { words }) => {
    expect(isCommand(command)).toBe(true)
    const parent = command.slice(0, command.lastIndexOf('/')) || '/'
    expect(Object.keys(COMMANDS)).toContain(parent)
    expect(words).toMatch(/^[a-z][^.]+[a-z]$/)
  })

  it('covers what needs the time with what needs it too', () => {
    for (const [command, { needsTime }] of table) {
      const below = table.filter(([other]) => other.startsWith(`${command}/`))
      // Who is granted all of something is asked for the time if any of it needs it, but reading
      // goes on under its own name.
      if (needsTime || below.length === 0) continue
      expect(command).toMatch(/^\/(content\/add|node\/read)$/)
    }
  })

  it('knows nothing else', () => {
    expect(commandOfNeed('/content/add')).toBe('/content/add')
    expect(commandOfNeed('/made/up')).toBeUndefined()
    expect(commandOfNeed('toString')).toBeUndefined()
  })

  it('asks for the time where it does not know better', () => {
    expect(commandNeedsTime('/content/read')).toBe(false)
    expect(commandNeedsTime('/task/run')).toBe(true)
    expect(commandNeedsTime('/made/up')).toBe(true)
  })

  it('has words for all', () => {
    expect(wordsOfCommand('/board/post')).toBe('post on the board')
    expect(wordsOfCommand('/board/post/photo')).toBe('post on the board (/board/post/photo)')
    expect(wordsOfCommand('/made')).toBe('do what is called /made')
  })
})

describe('refusals', () => {
  it.each(REFUSAL_CODES)('%s has a sentence and advice', (code) => {
    const { message, advice } = refusalOf(code)
    expect(message).toMatch(/^[A-Z].+\.$/)
    expect(advice).toMatch(/^[A-Z].+\.$/)
  })
})
