// SPDX-License-Identifier: AGPL-3.0-or-later
/** Everything that news comes from, under the hand of a test. */
import type { ItemEvents, LiveSources } from '../../src/api/api.ts'
import { EventHub, type PeerId, silentLogger } from '../../src/base/base.ts'
import type { LinkSamples, PeerEvents, WatchedLink } from '../../src/net/net.ts'

const NO_SAMPLES: LinkSamples = {
  rttMs: [],
  lossIn: [],
  lossOut: [],
  receivedBytesPerSecond: [],
  sentBytesPerSecond: [],
}

export class FakeLive implements LiveSources {
  readonly itemEvents = new EventHub<ItemEvents>(silentLogger)
  readonly peerEvents = new EventHub<PeerEvents>(silentLogger)
  readonly names = new Map<PeerId, string>()
  watched: WatchedLink[] = []
  attendingCount = 0
  readings = 0
  readonly #stepListeners = new Set<() => void>()

  readonly links = {
    stepSeconds: 5,
    links: () => this.watched,
    histories: () => this.watched.map((link) => ({ ...link, samples: NO_SAMPLES })),
    attend: (signal: AbortSignal) => {
      this.attendingCount += 1
      signal.addEventListener('abort', () => {
        this.attendingCount -= 1
      })
    },
    onStep: (listener: () => void, signal: AbortSignal) => {
      this.#stepListeners.add(listener)
      signal.addEventListener('abort', () => this.#stepListeners.delete(listener))
    },
  }

  /** A step of the links has passed. */
  step(): void {
    for (const listener of this.#stepListeners) listener()
  }

  readonly nameOf = (peerId: PeerId): string => this.names.get(peerId) ?? ''

  vitals: LiveSources['vitals'] = async () => {
    this.readings += 1
    return { temperatureCelsius: 48.2, load: 0.25 }
  }

  readonly storeRoom = () => ({ usedBytes: 1_000, limitBytes: undefined })
}

/** A link as it is when nothing is known of it. */
export function linkTo(
  peerId: PeerId,
  kind: WatchedLink['kind'],
  changes: Partial<WatchedLink> = {},
): WatchedLink {
  return {
    peerId,
    name: '',
    kind,
    interfaceName: kind === 'peer' ? undefined : 'wlan0',
    rttMs: undefined,
    lossIn: undefined,
    lossOut: undefined,
    receivedBytesPerSecond: 0,
    sentBytesPerSecond: 0,
    ...changes,
  }
}
