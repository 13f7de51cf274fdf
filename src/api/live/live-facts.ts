// SPDX-License-Identifier: AGPL-3.0-or-later
/** Links and vitals in the words of the contract. Pure. */
import type { LinkFacts, LinkHistory, VitalsFacts } from '../../contract/contract.ts'
import type { LinkSamples, WatchedLink } from '../../net/net.ts'
import type { Vitals } from '../../system/system.ts'
import type { LiveSources } from './ports.ts'

export function linkOf(link: WatchedLink): LinkFacts {
  const { peerId, name, kind, receivedBytesPerSecond, sentBytesPerSecond } = link
  return {
    ...{ peerId, name, kind, receivedBytesPerSecond, sentBytesPerSecond },
    interfaceName: link.interfaceName ?? null,
    rttMs: roundedTo(link.rttMs, 3),
    lossIn: roundedTo(link.lossIn, 4),
    lossOut: roundedTo(link.lossOut, 4),
  }
}

export function linkHistoryOf(link: WatchedLink & { samples: LinkSamples }): LinkHistory {
  const { samples } = link
  return {
    ...linkOf(link),
    samples: {
      rttMs: samples.rttMs.map((one) => roundedTo(one, 3)),
      lossIn: samples.lossIn.map((one) => roundedTo(one, 4)),
      lossOut: samples.lossOut.map((one) => roundedTo(one, 4)),
      receivedBytesPerSecond: samples.receivedBytesPerSecond.map((one) => roundedTo(one, 0)),
      sentBytesPerSecond: samples.sentBytesPerSecond.map((one) => roundedTo(one, 0)),
    },
  }
}

export function vitalsOf(
  vitals: Vitals,
  { usedBytes, limitBytes }: ReturnType<LiveSources['storeRoom']>,
): VitalsFacts {
  return {
    memory: vitals.memory ?? null,
    disk: vitals.disk ?? null,
    store: { usedBytes, limitBytes: limitBytes ?? null },
    temperatureCelsius: roundedTo(vitals.temperatureCelsius, 1),
    load: roundedTo(vitals.load, 3),
    power: vitals.power ?? null,
    machineUptimeSeconds: roundedTo(vitals.uptimeS, 0),
  }
}

/** More digits than were measured are only bytes to carry. */
function roundedTo(value: number | undefined, digits: number): number | null {
  if (value === undefined) return null
  const factor = 10 ** digits
  return Math.round(value * factor) / factor
}
