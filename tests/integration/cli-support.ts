// SPDX-License-Identifier: AGPL-3.0-or-later
/** The command line in this process, with streams that are collected. */
import { Readable, Writable } from 'node:stream'
import { type CliInjected, type CliIo, runCli } from '../../src/cli/cli.ts'
import { openSigner, readPermission } from '../../src/node/signer.ts'
import { SystemClock, SystemRandom } from '../../src/system/system.ts'

export interface Ran {
  exitCode: number
  stdout: string
  bytes: Buffer
  stderr: string
}

export interface Surroundings {
  stdin?: Readable
  stdout?: Writable
  isTerminal?: boolean
  signal?: AbortSignal
  injected?: Partial<CliInjected>
}

/** Collects what is written to it. */
class Collector extends Writable {
  readonly chunks: Buffer[] = []

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(Buffer.from(chunk))
    done()
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

/** @param dataFolder of the node that the command finds by itself. */
export async function runCommand(
  dataFolder: string,
  argv: readonly string[],
  around: Surroundings = {},
): Promise<Ran> {
  const stdout = new Collector()
  const stderr = new Collector()
  const io: CliIo = {
    stdout: around.stdout ?? stdout,
    stderr,
    stdin: around.stdin ?? Readable.from([]),
    keyboard: undefined,
    isStdoutTerminal: around.isTerminal ?? false,
    isStderrTerminal: around.isTerminal ?? false,
    columns: 80,
    signal: around.signal ?? new AbortController().signal,
    clock: new SystemClock(),
  }
  const injected: CliInjected = {
    version: '0.1.0',
    defaultDataFolder: dataFolder,
    startNode: async () => {},
    checkConfig: async () => ({
      configFile: '/etc/citynode.toml',
      isPresent: true,
      problems: [],
      effective: { network: { port: 7440 } },
    }),
    openSigner: (keyFile) => openSigner(keyFile, new SystemRandom()),
    readPermission: async (text) => readPermission(text),
    openIdentityDesk: () => Promise.reject(new Error('no command here asks for it')),
    ...around.injected,
  }
  const exitCode = await runCli(argv, io, injected)
  const { bytes } = stdout
  return { exitCode, bytes, stdout: bytes.toString(), stderr: stderr.bytes.toString() }
}
