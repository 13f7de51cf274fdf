// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The one vocabulary of what can be allowed, for API, protocols, page and command line. A command
 * covers all whose path begins with it: `/content` is everything with items.
 */
import type { Command } from './tokens/tokens.ts'

export interface CommandWords {
  /** What it lets do, after "may": "may add files and folders". */
  readonly words: string
  /**
   * Refused while nobody knows the time, unless the permission has no end: what cannot be undone, or
   * uses what belongs to others. Reading, and what the owner has room for, goes on.
   */
  readonly needsTime: boolean
}

export const COMMANDS = {
  '/': { words: 'do everything that the owner may', needsTime: true },

  '/content': { words: 'do everything with items', needsTime: true },
  '/content/list': {
    words: 'see which items are here, private ones too',
    needsTime: false,
  },
  '/content/read': {
    words: 'read items, private ones too',
    needsTime: false,
  },
  '/content/add': { words: 'add files and folders', needsTime: false },
  '/content/add/beyond': { words: 'store more than their share', needsTime: true },
  '/content/fetch': {
    words: 'let this node fetch items from others',
    needsTime: false,
  },
  '/content/keep': { words: 'have items kept, whatever else needs room', needsTime: true },
  '/content/change': {
    words: 'change what is said of items, and who sees them',
    needsTime: true,
  },
  '/content/publish': {
    words: 'publish items in the name of this node, and withdraw them',
    needsTime: true,
  },
  '/content/remove': { words: 'remove items', needsTime: true },

  '/refusal': { words: 'do everything with what is refused here', needsTime: true },
  '/refusal/list': { words: 'see what is refused here', needsTime: false },
  '/refusal/change': { words: 'change what is refused here', needsTime: true },

  '/node': { words: 'see everything about this node and change it', needsTime: true },
  '/node/read': { words: 'see how this node is, and its neighbours', needsTime: false },
  '/node/watch': { words: 'watch all that changes here, private items too', needsTime: false },
  '/node/read/settings': { words: 'see the settings of this node', needsTime: false },
  '/node/configure': { words: 'change the settings of this node', needsTime: true },

  '/access': { words: 'see and change who may do what', needsTime: true },
  '/access/list': { words: 'see who may do what', needsTime: false },
  '/access/grant': { words: 'let others do something', needsTime: true },
  '/access/block': { words: 'block nodes', needsTime: true },

  '/board': { words: 'read and write on the board', needsTime: true },
  '/board/read': { words: 'read the board', needsTime: false },
  '/board/post': { words: 'post on the board', needsTime: true },

  '/task': { words: 'do everything with tasks', needsTime: true },
  '/task/list': { words: 'see which tasks run here', needsTime: false },
  '/task/run': { words: 'let programs run here', needsTime: true },
} as const satisfies Record<Command, CommandWords>

export type KnownCommand = keyof typeof COMMANDS

export function isKnownCommand(command: string): command is KnownCommand {
  return Object.hasOwn(COMMANDS, command)
}

/** The command that a route or a protocol needs; undefined for one that the table does not have. */
export function commandOfNeed(need: string): KnownCommand | undefined {
  return isKnownCommand(need) ? need : undefined
}

/** Whether a command is refused while nobody knows the time; what is not known is. */
export function commandNeedsTime(command: string): boolean {
  return isKnownCommand(command) ? COMMANDS[command].needsTime : true
}

/** What a command lets do, in words; below a known one, what that lets. */
export function wordsOfCommand(command: string): string {
  if (isKnownCommand(command)) return COMMANDS[command].words
  const parent = command.slice(0, command.lastIndexOf('/'))
  return parent === '' ? `do what is called ${command}` : `${wordsOfCommand(parent)} (${command})`
}
