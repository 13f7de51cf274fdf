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
  onStarted(facts: {
    peerId: string
    city: string
    statusPort: number
    /** To the page, with the owner's token in them: secrets. */
    ownerLinks: readonly string[]
  }): void
}

export interface CheckedConfig {
  configFile: string
  /** False: there is no such file, so all defaults hold. */
  isPresent: boolean
  problems: readonly Problem[]
  /** With the defaults filled in; undefined when there are problems. */
  effective: Readonly<Record<string, unknown>> | undefined
}

export interface IdentityFacts {
  peerId: string
  did: string
  /** When the key was made or restored in this data folder. */
  keyFileWrittenAtMs: number
}

export interface BackupFacts {
  peerId: string
  did: string
  /** Names of the settings files in it. */
  settingsFiles: readonly string[]
  bytes: Uint8Array
}

export interface RestoredFacts {
  peerId: string
  did: string
  settingsFiles: readonly string[]
  /** In the backup, but not known to this version, and so not restored. */
  unknownSettingsFiles: readonly string[]
}

/** The identity of a data folder, without a running node. All of it throws CodedError. */
export interface IdentityDesk {
  /** How many recovery words there are. */
  readonly wordsCount: number
  facts(): Promise<IdentityFacts>
  /** As secret as the key. */
  words(): Promise<readonly string[]>
  makeBackup(passphrase: string): Promise<BackupFacts>
  /** Refuses what a restore would refuse in the end, before anything is asked of the owner. */
  checkRestorable(): Promise<void>
  /** The words in a text so far, and what is wrong with some of them. */
  readWords(text: string): { words: readonly string[]; problems: readonly Problem[] }
  restoreWords(text: string): Promise<RestoredFacts | { problems: readonly Problem[] }>
  restoreBackup(
    bytes: Uint8Array,
    passphrase: string,
    options: { isKeyOnly: boolean; signal: AbortSignal },
  ): Promise<RestoredFacts>
}

/** One link of a permission. */
export interface PermissionFacts {
  cid: string
  /** `did:key` of who lets, and of who is let. */
  giver: string
  holder: string
  command: string
  /** What it lets do, after "may". */
  words: string
  conditionsCount: number
  /** Seconds since 1970, the first and the last in which it holds; `null`: always did, for ever. */
  begins: number | null
  ends: number | null
}

/** A request to a node, as it is about to be sent. */
export interface RequestFacts {
  /** `did:key` of the node. */
  node: string
  command: string
  method: string
  target: string
  contentType: string
  body: { sizeBytes: number; sha256: Uint8Array }
  /** As the node gave it, base64url. */
  nonce: string
  /** Seconds since 1970. */
  endsAt: number
}

/** To be sent along. */
export interface SignedHeaders {
  authorization: string
  ucans?: string
}

/** The key of a person or device, and what it was given. All of it throws CodedError. */
export interface RequestSigner {
  readonly did: string
  /** The key was made just now. */
  readonly isNew: boolean
  /** Every permission with all its links, from the owner's down. */
  held(): Promise<readonly (readonly PermissionFacts[])[]>
  /** Keeps a permission beside the key. */
  take(text: string): Promise<readonly PermissionFacts[]>
  sign(request: RequestFacts): Promise<SignedHeaders>
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
  /** Makes the key where there is none. */
  openSigner(keyFile: string): Promise<RequestSigner>
  /** What a permission says. @throws CodedError `ACCESS_…` */
  readPermission(text: string): Promise<readonly PermissionFacts[]>
  openIdentityDesk(options: {
    dataFolder: string
    configFile: string | undefined
  }): Promise<IdentityDesk>
}

export interface CommandContext {
  io: CliIo
  output: Output
  client: Client
  injected: CliInjected
  dataFolder: string
  configFile: string | undefined
  /** Whose key signs; undefined: nobody's was named. */
  keyFile: string | undefined
}

export type Command = (context: CommandContext) => Promise<ExitCode>
