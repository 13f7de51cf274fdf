// SPDX-License-Identifier: AGPL-3.0-or-later
/** What every command is given, and what the command line is given by the node around it. */
import type { Problem } from '../base/base.ts'
import type { Client } from '../contract/contract.ts'
import type { ExitCode } from './exit-codes.ts'
import type { CliIo, Output } from './output.ts'

export interface StartOptions {
  dataFolder: string
  /** Undefined: the one in the data folder, if there is one. */
  configFile: string | undefined
  /** Stops the node. */
  signal: AbortSignal
  /** Called once, when the node is usable. */
  onStarted(facts: { peerId: string; city: string; statusPort: number }): void
}

export interface CheckedConfig {
  configFile: string
  /** False: there is no such file, so all defaults hold. */
  isPresent: boolean
  problems: readonly Problem[]
  /** With the defaults filled in; undefined when there are problems. */
  effective: Readonly<Record<string, unknown>> | undefined
}

export interface CliInjected {
  version: string
  defaultDataFolder: string
  /** Runs a node until the signal aborts; resolves after it has stopped cleanly. */
  startNode(options: StartOptions): Promise<void>
  checkConfig(options: {
    dataFolder: string
    configFile: string | undefined
  }): Promise<CheckedConfig>
}

export interface CommandContext {
  io: CliIo
  output: Output
  client: Client
  injected: CliInjected
  dataFolder: string
  configFile: string | undefined
}

export type Command = (context: CommandContext) => Promise<ExitCode>
