// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The neighbourhood as commands for `ip`, `tc` and `nft`: a namespace a node, one more where all
 * cables come together, and no way out. Pure: `stage.ts` runs them.
 */
import { BURST_BYTES } from './limits.ts'
import {
  firstHop,
  PLACES,
  type PlaceId,
  portName,
  SEGMENTS,
  type Segment,
  segmentsOf,
} from './plan.ts'

/** A program and its arguments. */
export type Command = readonly string[]

/** The namespace of the switches, beside those that are named after places. */
const CABLES = 'cables'

export function namespaceOf(demoId: string, place: PlaceId): string {
  return `${demoId}-${place}`
}

export function cablesNamespaceOf(demoId: string): string {
  return `${demoId}-${CABLES}`
}

/** What is removed at the end: with a namespace go its interfaces, and with those their far ends. */
export function namespacesOf(demoId: string): readonly string[] {
  return [cablesNamespaceOf(demoId), ...PLACES.map(({ id }) => namespaceOf(demoId, id))]
}

/** Pulls a cable, or plugs it in again: at the far end, so that the node keeps its addresses. */
export function cableCommand(
  demoId: string,
  end: { place: PlaceId; segment: Segment },
  state: 'up' | 'down',
): Command {
  const port = portName(end.place, end.segment)
  return ['ip', '-n', cablesNamespaceOf(demoId), 'link', 'set', port, state]
}

export function planNamespaces(demoId: string): readonly Command[] {
  return namespacesOf(demoId).flatMap((name) => [
    ['ip', 'netns', 'add', name],
    ['ip', '-n', name, 'link', 'set', 'lo', 'up'],
  ])
}

/**
 * Cables and addresses. A cable's end in a node is named after its segment; its other end is a port
 * of the segment's switch.
 */
export function planCables(demoId: string): readonly Command[] {
  const cables = cablesNamespaceOf(demoId)
  return SEGMENTS.flatMap((segment) => [
    // Without snooping it hands on multicast like a plain switch, and like the air.
    ['ip', '-n', cables, 'link', 'add', segment.id, 'type', 'bridge', 'mcast_snooping', '0'],
    // The switch is nobody: it has no address and says nothing itself.
    ['ip', '-n', cables, 'link', 'set', segment.id, 'addrgenmode', 'none', 'up'],
    ...segment.members.flatMap((place) => planCable(demoId, place, segment)),
  ])
}

function planCable(demoId: string, place: PlaceId, segment: Segment): readonly Command[] {
  const [host, cables] = [namespaceOf(demoId, place), cablesNamespaceOf(demoId)]
  const port = portName(place, segment)
  const veth = ['type', 'veth', 'peer', 'name', port, 'netns', cables]
  return [
    ['ip', '-n', host, 'link', 'add', segment.id, ...veth],
    ['ip', '-n', host, 'link', 'set', segment.id, 'addrgenmode', 'none'],
    ['ip', '-n', cables, 'link', 'set', port, 'addrgenmode', 'none', 'master', segment.id, 'up'],
    ['ip', '-n', host, 'link', 'set', segment.id, 'up'],
    ['ip', '-n', host, 'addr', 'add', `${linkLocalOf(place)}/64`, 'dev', segment.id, 'nodad'],
  ]
}

/** Numbered by us, so that routes can name it. */
function linkLocalOf(place: PlaceId): string {
  return `fe80::${PLACES.findIndex(({ id }) => id === place) + 1}`
}

/**
 * What a routing daemon does in a real neighbourhood: each node has its address in the city, and
 * the kernels hand packets on. citynode itself does not.
 *
 * @param addresses each place's address in the city (IPv6).
 */
export function planRoutes(
  demoId: string,
  addresses: Readonly<Record<PlaceId, string>>,
): readonly Command[] {
  return PLACES.flatMap(({ id: place }): readonly Command[] => {
    const host = namespaceOf(demoId, place)
    const own = addresses[place]
    const [segment] = segmentsOf(place)
    if (segment === undefined) return []
    return [
      forwardingCommand(host),
      ['ip', '-n', host, 'addr', 'add', `${own}/128`, 'dev', segment.id, 'nodad'],
      ...PLACES.filter(({ id }) => id !== place).flatMap(({ id: to }): readonly Command[] => {
        const hop = firstHop(place, to)
        if (hop === undefined) return []
        const way = ['via', linkLocalOf(hop.next), 'dev', hop.segment.id, 'src', own]
        return [['ip', '-n', host, '-6', 'route', 'add', `${addresses[to]}/128`, ...way]]
      }),
    ]
  })
}

/** Lets the kernel hand packets on; by the file, for not every machine has `sysctl`. */
export function forwardingCommand(namespace: string): Command {
  const write = 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
  return ['ip', 'netns', 'exec', namespace, 'sh', '-c', write]
}

/** How links are made worse: by the kernel's own emulator, or by what most kernels have. */
export type Shaping = 'netem' | 'tbf'

/** Each end makes what it sends worse, so both directions are alike. */
export function planShaping(demoId: string, shaping: Shaping): readonly Command[] {
  return SEGMENTS.flatMap((segment) =>
    segment.members.flatMap((place) => {
      const host = namespaceOf(demoId, place)
      return shaping === 'netem' ? [netem(host, segment)] : tbf(host, segment)
    }),
  )
}

function netem(host: string, { id, quality }: Segment): Command {
  const { delayMs, jitterMs, lossPercent, rateMbit } = quality
  return [
    ...['tc', '-n', host, 'qdisc', 'replace', 'dev', id, 'root', 'netem'],
    ...['delay', `${delayMs}ms`, `${jitterMs}ms`],
    ...(lossPercent > 0 ? ['loss', `${lossPercent}%`] : []),
    ...['rate', `${rateMbit}mbit`],
  ]
}

/** No delay, but rate and loss: the loss where packets come in. */
function tbf(host: string, { id, quality }: Segment): readonly Command[] {
  const bucket = ['rate', `${quality.rateMbit}mbit`, 'burst', `${BURST_BYTES}`, 'latency', '300ms']
  const slow = ['tc', '-n', host, 'qdisc', 'replace', 'dev', id, 'root', 'tbf', ...bucket]
  if (quality.lossPercent === 0) return [slow]
  const table = `citynode_demo_${id}`
  const lossy = [
    `add table netdev ${table}`,
    `add chain netdev ${table} loss { type filter hook ingress device "${id}" priority 0; }`,
    `add rule netdev ${table} loss numgen random mod 1000 < ${quality.lossPercent * 10} drop`,
  ]
  return [slow, ['ip', 'netns', 'exec', host, 'nft', lossy.join('; ')]]
}
