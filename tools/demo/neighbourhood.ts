// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The neighbourhood itself: everything that a demo makes on this machine, made in order and removed
 * in reverse, also when only half of it came to be.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type PeerId, parseCityId, silentLogger } from '../../src/base/base.ts'
import { openIdentity } from '../../src/identity/identity.ts'
import { cityAddress } from '../../src/net/net.ts'
import { addPiece, type Placed } from './content.ts'
import { endProcessesOf, foldersLeftIn, ownDemoId, removeFolder } from './leftovers.ts'
import * as limits from './limits.ts'
import {
  type Command,
  namespaceOf,
  planCables,
  planNamespaces,
  planRoutes,
  planShaping,
} from './network.ts'
import { configOf, DemoNode, openDoor } from './nodes.ts'
import { neighboursOf, PIECES, PLACES, type PlaceId } from './plan.ts'
import { closePort, type OpenPort, openPort } from './ports.ts'
import type { Stage } from './stage.ts'
import type { LinksKind } from './words.ts'

export interface Built {
  /** How a built node is started, and with which environment besides ours. */
  command: Command
  environment: NodeJS.ProcessEnv
}

/** A node with what the demo knows of it before it runs. */
interface Household {
  node: DemoNode
  peerId: PeerId
  status: OpenPort
  gateway: OpenPort
  networkPort: number
}

export class Neighbourhood {
  readonly id = ownDemoId()
  readonly city = parseCityId(`demo-${randomBytes(4).toString('hex')}`)
  readonly folder = join(tmpdir(), this.id)
  readonly #stage: Stage
  readonly #built: Built
  readonly #households = new Map<PlaceId, Household>()
  readonly #undo: (() => Promise<void> | void)[] = []
  #links: LinksKind = 'alike'

  constructor(stage: Stage, built: Built) {
    this.#stage = stage
    this.#built = built
  }

  get links(): LinksKind {
    return this.#links
  }

  get nodes(): readonly DemoNode[] {
    return [...this.#households.values()].map(({ node }) => node)
  }

  /** Networks, keys, settings: all but running nodes. */
  async prepare(signal: AbortSignal): Promise<void> {
    this.#undo.push(() => removeFolder(this.folder))
    mkdirSync(this.folder, { mode: 0o700 })
    for (const [index] of PLACES.entries()) await this.#prepareHousehold(index)
    if (this.#stage.kind !== 'loopback') await this.#layCables(signal)
  }

  /** Starts all nodes and returns when each of them answers. */
  async start(onEnded: (node: DemoNode) => void, signal: AbortSignal): Promise<void> {
    // Whatever still has our folder as an argument when all has been stopped.
    this.#undo.push(() => endProcessesOf(this.folder))
    const tooLate = AbortSignal.timeout(limits.NODE_START_MS_MAX)
    const failed = new AbortController()
    const within = AbortSignal.any([signal, tooLate, failed.signal])
    try {
      for (const place of PLACES) {
        within.throwIfAborted()
        await this.#startHousehold(place.id, onEnded)
      }
      await Promise.all(this.nodes.map((node) => node.answers(within)))
    } catch (error) {
      if (!tooLate.aborted) throw error
      throw new Error(`the nodes do not answer within ${limits.NODE_START_MS_MAX / 1_000} s`)
    } finally {
      // One that failed is enough: the others are not waited for.
      failed.abort()
    }
  }

  /** Gives each place what it has. */
  async furnish(signal: AbortSignal): Promise<ReadonlyMap<PlaceId, readonly Placed[]>> {
    const placed = this.nodes.map(async ({ place, client }) => {
      const items: Placed[] = []
      for (const piece of PIECES.filter(({ at }) => at === place.id)) {
        items.push(await addPiece(client, piece, signal))
      }
      return [place.id, items] as const
    })
    return new Map(await Promise.all(placed))
  }

  /**
   * Whom each node hears directly; on loopback, where nobody does, whom it knows. Returns when all
   * know each other and all neighbours are found, or when that took too long.
   */
  async meet(signal: AbortSignal): Promise<ReadonlyMap<PlaceId, readonly PlaceId[]>> {
    const deadlineMs = performance.now() + limits.MEETING_MS_MAX
    for (;;) {
      signal.throwIfAborted()
      const met = await Promise.all(this.nodes.map((node) => this.#metBy(node, signal)))
      const isAll = met.every(({ place, hears, knows }) => {
        return knows.length === PLACES.length - 1 && hears.length >= this.#expectedCount(place)
      })
      if (isAll || performance.now() > deadlineMs) {
        const isLoopback = this.#stage.kind === 'loopback'
        return new Map(met.map(({ place, hears, knows }) => [place, isLoopback ? knows : hears]))
      }
      await pause(limits.POLL_MS)
    }
  }

  portsOf(place: PlaceId): { status: number; gateway: number } {
    const { status, gateway } = this.#household(place)
    return { status: status.port, gateway: gateway.port }
  }

  nodeOf(place: PlaceId): DemoNode {
    return this.#household(place).node
  }

  /** Removes everything; goes on where something cannot be removed. @returns what could not be. */
  async close(hurry: AbortSignal): Promise<readonly unknown[]> {
    const problems: unknown[] = []
    const attempt = async (work: () => Promise<void> | void): Promise<void> => {
      try {
        await work()
      } catch (error) {
        problems.push(error)
      }
    }
    await Promise.all(this.nodes.map((node) => attempt(() => node.stop(hurry))))
    for (const work of this.#undo.splice(0).reverse()) await attempt(work)
    return problems
  }

  async #prepareHousehold(index: number): Promise<void> {
    const place = PLACES[index]
    if (place === undefined) return
    const folder = join(this.folder, place.id)
    mkdirSync(folder, { mode: 0o700 })
    const { peerId } = await openIdentity({ folder, log: silentLogger })
    const status = await this.#openPort(limits.STATUS_PORT_FIRST + index)
    const gateway = await this.#openPort(limits.GATEWAY_PORT_FIRST + index)
    const network = await this.#openPort(limits.NETWORK_PORT_FIRST + index)
    const inside = (command: Command) => this.#stage.inside(namespaceOf(this.id, place.id), command)
    const node = new DemoNode({
      place,
      folder,
      command: inside(this.#built.command),
      environment: this.#built.environment,
    })
    const networkPort = network.port
    this.#households.set(place.id, { node, peerId, status, gateway, networkPort })
    await closePort(network)
  }

  async #openPort(wanted: number): Promise<OpenPort> {
    const opened = await openPort(wanted)
    this.#undo.push(() => closePort(opened))
    return opened
  }

  async #layCables(signal: AbortSignal): Promise<void> {
    this.#undo.push(() => this.#stage.removeNamespaces(this.id))
    const addresses = this.#cityAddresses()
    const plan = [...planNamespaces(this.id), ...planCables(this.id)]
    for (const command of plan) {
      signal.throwIfAborted()
      await this.#stage.run(command)
    }
    for (const command of planRoutes(this.id, addresses)) await this.#stage.run(command)
    this.#links = await this.#shape()
  }

  /** As well as this kernel can. */
  async #shape(): Promise<LinksKind> {
    for (const shaping of ['netem', 'tbf'] as const) {
      try {
        for (const command of planShaping(this.id, shaping)) await this.#stage.run(command)
        return shaping
      } catch {
        // This kernel has no such discipline, or the machine has no `tc`: the next way, then none.
      }
    }
    return 'no-shaping'
  }

  #cityAddresses(): Record<PlaceId, string> {
    const addressOf = (place: PlaceId) => cityAddress(this.city, this.#household(place).peerId)
    return {
      bakery: addressOf('bakery'),
      library: addressOf('library'),
      school: addressOf('school'),
      garden: addressOf('garden'),
      workshop: addressOf('workshop'),
      boathouse: addressOf('boathouse'),
    }
  }

  async #startHousehold(place: PlaceId, onEnded: (node: DemoNode) => void): Promise<void> {
    const { node, status, gateway, networkPort } = this.#household(place)
    const hasInterfaces = this.#stage.kind !== 'loopback'
    const settings = {
      place: node.place,
      city: this.city,
      ports: { network: networkPort, status: status.port, gateway: gateway.port },
      bootstrap: this.#bootstrapOf(place),
      hasInterfaces,
    }
    writeFileSync(join(node.folder, 'citynode.toml'), configOf(settings))
    if (hasInterfaces) {
      const namespace = namespaceOf(this.id, place)
      const inside = (command: Command) => this.#stage.inside(namespace, command)
      await openDoor([status, gateway], node.folder, inside)
    } else {
      // The node takes its ports itself; it is told the numbers that were free a moment ago.
      await Promise.all([closePort(status), closePort(gateway)])
    }
    node.start(onEnded)
  }

  /** Everybody is told of all others that come before; connections have no direction afterwards. */
  #bootstrapOf(place: PlaceId): readonly string[] {
    const before = PLACES.slice(
      0,
      PLACES.findIndex(({ id }) => id === place),
    )
    return before.map(({ id }) => {
      const { peerId, networkPort } = this.#household(id)
      const host =
        this.#stage.kind === 'loopback'
          ? '/ip4/127.0.0.1'
          : `/ip6/${cityAddress(this.city, this.#household(id).peerId)}`
      return `${host}/tcp/${networkPort}/p2p/${peerId}`
    })
  }

  #expectedCount(place: PlaceId): number {
    return this.#stage.kind === 'loopback' ? 0 : neighboursOf(place).length
  }

  /** Nobody at all, of a node that has ended by itself: that is told where it is noticed. */
  async #metBy({ place, client }: DemoNode, signal: AbortSignal) {
    const [neighbours, peers] = await Promise.all([
      client.neighbours(signal).catch(() => []),
      client.peers(signal).catch(() => []),
    ])
    return { place: place.id, hears: this.#placesOf(neighbours), knows: this.#placesOf(peers) }
  }

  #placesOf(nodes: readonly { peerId: string }[]): readonly PlaceId[] {
    const met = new Set(nodes.map(({ peerId }) => peerId))
    return [...this.#households].flatMap(([id, { peerId }]) => (met.has(peerId) ? [id] : []))
  }

  #household(place: PlaceId): Household {
    const found = this.#households.get(place)
    if (found === undefined) throw new Error(`${place} is not prepared yet`)
    return found
  }
}

/** Removes what killed demos of this user left behind. @returns how many demos that were. */
export async function removeLeftovers(stage: Stage): Promise<number> {
  const folders = foldersLeftIn(tmpdir())
  for (const folder of folders) await endProcessesOf(folder)
  const demos = new Set(await stage.demosLeft())
  for (const id of demos) {
    // Its folder may be gone already, by a reboot of /tmp; its processes then are not.
    await endProcessesOf(join(tmpdir(), id))
    await stage.removeNamespaces(id)
  }
  for (const folder of folders) removeFolder(folder)
  return new Set([...folders.map((folder) => folder.slice(tmpdir().length + 1)), ...demos]).size
}
