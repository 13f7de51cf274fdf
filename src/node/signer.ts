// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Signs requests for the command line with the key of a person or device: a key file that is made at
 * its first use, and beside it `<key file>.held`, the permissions that its holder was given. Composes
 * identity and access; the command line knows it by its own port.
 */
import { readFile } from 'node:fs/promises'
import {
  chainText,
  chooseChain,
  type HeldChain,
  parseCommand,
  peerIdOfDid,
  readChain,
  signRequest,
  TokenReader,
  wordsOfDelegation,
} from '../access/access.ts'
import { CodedError, errorCode, type PeerId, type Random } from '../base/base.ts'
import type { PermissionFacts, RequestFacts, RequestSigner, SignedHeaders } from '../cli/cli.ts'
import { type NodeIdentity, openKeyFile } from '../identity/identity.ts'
import { writeFileAtomic } from '../system/system.ts'
import { HELD_FILE_BYTES_MAX, SIGNED_CHANCE_BYTES } from './limits.ts'

/** Only for whoever has the key: who holds what is nobody else's business. */
const HELD_MODE = 0o600

export async function openSigner(keyFile: string, random: Random): Promise<RequestSigner> {
  const { identity, isNew } = await openKeyFile(keyFile)
  const held = new HeldFile(`${keyFile}.held`)
  return {
    did: identity.did,
    isNew,
    held: async () => (await held.read()).map((chain) => chain.map(factsOf)),
    take: async (text) => {
      const chain = mustRead(text)
      if (chain.at(-1)?.audience !== identity.peerId) throw notYours(identity.did)
      await held.add(chain)
      return chain.map(factsOf)
    },
    sign: async (request) => sign({ identity, random, chains: await held.read(), request }),
  }
}

/** What a permission says, without any key. @throws CodedError `ACCESS_…` */
export function readPermission(text: string): readonly PermissionFacts[] {
  return mustRead(text).map(factsOf)
}

class HeldFile {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** @throws CodedError `ACCESS_…` for what cannot be read: nothing is left out without a word. */
  async read(): Promise<readonly HeldChain[]> {
    const text = await this.#text()
    return text
      .split('\n')
      .filter((line) => line.trim() !== '')
      .map(mustRead)
  }

  async add(chain: HeldChain): Promise<void> {
    const cidOf = (one: HeldChain): string => one.map(({ cid }) => cid).join()
    const others = (await this.read()).filter((one) => cidOf(one) !== cidOf(chain))
    const text = [...others, chain].map((one) => `${chainText(one)}\n`).join('')
    if (text.length > HELD_FILE_BYTES_MAX) throw tooMuch(this.#path)
    await writeFileAtomic(this.#path, text, { mode: HELD_MODE })
  }

  async #text(): Promise<string> {
    try {
      const text = await readFile(this.#path, 'utf8')
      if (text.length <= HELD_FILE_BYTES_MAX) return text
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return ''
      throw new CodedError('HELD_UNREADABLE', `Cannot read ${this.#path}.`, {
        cause,
        advice: 'Run the command as the user whose key it is.',
      })
    }
    throw tooMuch(this.#path)
  }
}

function sign(deps: {
  identity: NodeIdentity
  random: Random
  chains: readonly HeldChain[]
  request: RequestFacts
}): SignedHeaders {
  const { identity, random, chains, request } = deps
  const node = nodeOf(request.node)
  const command = parseCommand(request.command)
  const chain = chooseChain(chains, { holder: identity.peerId, node, command })
  if (chain === undefined && node !== identity.peerId) throw nothingHeld(request)
  const proofs = chain ?? []
  const token = signRequest(identity, {
    node,
    command,
    method: request.method,
    target: request.target,
    contentType: request.contentType,
    body: request.body,
    proofs: proofs.map(({ cid }) => cid),
    nodeNonce: Buffer.from(request.nonce, 'base64url'),
    expires: request.endsAt,
    chance: random.bytes(SIGNED_CHANCE_BYTES),
  })
  return {
    authorization: `UCAN ${Buffer.from(token).toString('base64url')}`,
    ...(chain === undefined ? {} : { ucans: chainText(chain) }),
  }
}

function nodeOf(did: string): PeerId {
  const node = peerIdOfDid(did)
  if (node !== undefined) return node
  throw new CodedError('API_NOT_UNDERSTOOD', 'The answer is not that of a citynode.')
}

function mustRead(text: string): HeldChain {
  const read = readChain(text, new TokenReader())
  if (read.ok) return read.value
  const { code, message, advice } = read.refusal
  throw new CodedError(`ACCESS_${code}`, message, { advice })
}

function factsOf(delegation: HeldChain[0]): PermissionFacts {
  return wordsOfDelegation(delegation)
}

function notYours(did: string): CodedError {
  return new CodedError('ACCESS_HOLDER_WRONG', 'This permission was given to another key.', {
    advice: `Yours is ${did}: ask for one that is given to it, or name another key with --as.`,
  })
}

function nothingHeld({ command, node }: RequestFacts): CodedError {
  return new CodedError('ACCESS_NOTHING_HELD', `This key holds nothing for ${command} there.`, {
    context: { node },
    advice:
      'Ask the owner of that node for a permission, then take it: citynode --as FILE capability take …',
  })
}

function tooMuch(path: string): CodedError {
  return new CodedError('HELD_TOO_LARGE', `There are more permissions in ${path} than are read.`, {
    advice: 'Take the lines out that are no longer used; each is one permission.',
  })
}
