// SPDX-License-Identifier: AGPL-3.0-or-later
/** Where what the API tells of changes comes from. */
import type { LiveSources } from '../api/api.ts'
import type { Content, ContentConfig } from '../content/content.ts'
import type { CityNetwork, LinkWatch } from '../net/net.ts'
import type { MachineWatch } from '../system/system.ts'

export interface LiveRooms {
  content: Pick<Content, 'events' | 'statistics'>
  network: Pick<CityNetwork, 'events' | 'connectedPeers'>
  links: LinkWatch
  machine: Pick<MachineWatch, 'vitals'>
}

export function liveSourcesOf(
  { content, network, links, machine }: LiveRooms,
  { store_bytes_max: limitBytes }: Pick<ContentConfig, 'store_bytes_max'>,
): LiveSources {
  return {
    itemEvents: content.events,
    peerEvents: network.events,
    nameOf: (peerId) => network.connectedPeers().find((one) => one.peerId === peerId)?.name ?? '',
    links,
    vitals: () => machine.vitals(),
    storeRoom: () => ({
      usedBytes: content.statistics().storedBytes,
      limitBytes: limitBytes === 0 ? undefined : limitBytes,
    }),
  }
}
