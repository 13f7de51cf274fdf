// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The network interfaces that are up and have a carrier, and what kind of segment each leads to.
 * Which exist is asked of the kernel by netlink (always our own network namespace); what they are
 * is read from sysfs, and believed only if index or hardware address agree, since a sysfs mounted
 * for another namespace may describe another device of the same name.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { INTERFACE_FACTS_LOOKS, INTERFACE_STACK_DEPTH_MAX } from './limits.ts'

/**
 * *wire*: every station on it is one hop away. *radio*: a cell or peer-to-peer radio. *mesh*: a
 * layer-2 mesh that forwards, so that the same segment does not mean one hop. *tunnel*: anything
 * that is carried by another network.
 */
export type SegmentKind = 'loopback' | 'wire' | 'radio' | 'mesh' | 'tunnel'

export interface InterfaceAddress {
  address: string
  prefixLength: number
  family: 4 | 6
  isLinkLocal: boolean
  isLoopback: boolean
}

export interface NetworkInterface {
  name: string
  /** The kernel's index, which is also the scope id of link-local addresses; 0 when unknown. */
  index: number
  mac: string
  addresses: readonly InterfaceAddress[]
  segment: SegmentKind
}

/** What sysfs tells of one device. */
export interface InterfaceFacts {
  name: string
  /** ARPHRD number of `type`; undefined when sysfs does not know the device. */
  hardwareType: number | undefined
  /** `DEVTYPE` of `uevent`. */
  deviceType: string | undefined
  isWireless: boolean
  /** tun and tap devices have `tun_flags`. */
  isTunDevice: boolean
  /** What it is stacked on: members of a bridge or bond, the device below a vlan or macvlan. */
  lower: readonly InterfaceFacts[]
}

const ARPHRD_ETHERNET = 1
const ARPHRD_LOOPBACK = 772
/** Bare 802.11 frames: monitor mode and some drivers. */
const ARPHRD_IEEE80211 = [801, 802, 803]
const TUNNEL_DEVICE_TYPES = ['vxlan', 'geneve', 'gretap', 'ip6gretap', 'wireguard', 'ppp', 'gtp']

/**
 * A stack is what its least simple layer is: a bridge with a mesh member is a mesh. sysfs does not
 * tell an 802.11s mesh point from a station, so its usual name (`mesh0`) has to; who names it
 * otherwise says so in the configuration.
 */
export function classifyInterface(facts: InterfaceFacts): SegmentKind {
  if (facts.hardwareType === ARPHRD_LOOPBACK) return 'loopback'
  const kinds = [classifyOne(facts), ...facts.lower.map(classifyInterface)]
  return (['mesh', 'radio', 'tunnel'] as const).find((kind) => kinds.includes(kind)) ?? 'wire'
}

function classifyOne({ name, hardwareType, ...facts }: InterfaceFacts): SegmentKind {
  if (/^bat\d+$/.test(name) || facts.deviceType === 'batadv') return 'mesh'
  if (facts.deviceType === 'mesh') return 'mesh'
  if (hardwareType === undefined) return guessFromName(name)
  const isWireless =
    facts.isWireless || facts.deviceType === 'wlan' || ARPHRD_IEEE80211.includes(hardwareType)
  if (isWireless) return /^mesh/.test(name) ? 'mesh' : 'radio'
  if (hardwareType !== ARPHRD_ETHERNET || facts.isTunDevice) return 'tunnel'
  return TUNNEL_DEVICE_TYPES.includes(facts.deviceType ?? '') ? 'tunnel' : 'wire'
}

function guessFromName(name: string): SegmentKind {
  if (/^mesh/.test(name)) return 'mesh'
  if (/^wl|^ath|^phy/.test(name)) return 'radio'
  return /^(tun|tap|wg|ppp|tailscale|zt|vxlan|gre|sit|ipip|utun)/.test(name) ? 'tunnel' : 'wire'
}

export interface ListInterfacesOptions {
  /** Where the kernel describes devices; tests make their own. */
  sysfsFolder?: string
  /** What the kernel lists; tests make their own. */
  listed?: ReturnType<typeof networkInterfaces>
}

export function listInterfaces(options: ListInterfacesOptions = {}): NetworkInterface[] {
  const folder = options.sysfsFolder ?? '/sys/class/net'
  const found: NetworkInterface[] = []
  const listed = withoutLabels(options.listed ?? networkInterfaces())
  for (const [name, entries] of listed) {
    const first = entries[0]
    if (first === undefined) continue
    const scopeId = entries.find((entry) => entry.family === 'IPv6' && entry.scopeid > 0)
    const knownIndex = scopeId?.family === 'IPv6' ? scopeId.scopeid : 0
    const sysfsIndex = agreeingIndex(join(folder, name), knownIndex, first.mac)
    const facts = sysfsIndex === 0 ? unknownFacts(name) : readFacts(folder, name)
    found.push({
      name,
      index: knownIndex === 0 ? sysfsIndex : knownIndex,
      mac: first.mac,
      addresses: entries.map(toAddress),
      segment: first.internal ? 'loopback' : classifyInterface(facts),
    })
  }
  return found
}

export interface InterfaceListOptions {
  /** As {@link ListInterfacesOptions}, asked anew at every look. */
  sysfsFolder?: string
  listed?: () => ReturnType<typeof networkInterfaces>
}

/**
 * {@link listInterfaces} for whoever looks several times a second: the kernel is asked at every look,
 * sysfs when its answer is another one, and every {@link INTERFACE_FACTS_LOOKS} looks in any case: a
 * bridge that gets a member keeps its name and its addresses.
 */
export class InterfaceList {
  readonly #options: InterfaceListOptions
  #listed = ''
  #found: readonly NetworkInterface[] = []
  #looksLeft = 0

  constructor(options: InterfaceListOptions = {}) {
    this.#options = options
  }

  list(): readonly NetworkInterface[] {
    const { sysfsFolder, listed: ask = networkInterfaces } = this.#options
    const answer = ask()
    const listed = JSON.stringify(answer)
    this.#looksLeft -= 1
    if (this.#looksLeft > 0 && listed === this.#listed) return this.#found
    this.#looksLeft = INTERFACE_FACTS_LOOKS
    this.#listed = listed
    this.#found = listInterfaces({
      listed: answer,
      ...(sysfsFolder === undefined ? {} : { sysfsFolder }),
    })
    return this.#found
  }
}

/** IPv4 aliases (`eth0:1`) are addresses of the device before the colon. */
function withoutLabels(listed: ReturnType<typeof networkInterfaces>): Map<string, ListedEntry[]> {
  const devices = new Map<string, ListedEntry[]>()
  for (const [label, entries = []] of Object.entries(listed)) {
    const name = label.split(':')[0] ?? label
    devices.set(name, [...(devices.get(name) ?? []), ...entries])
  }
  return devices
}

type ListedEntry = NonNullable<ReturnType<typeof networkInterfaces>[string]>[number]

function toAddress({ address, cidr, family, internal }: ListedEntry): InterfaceAddress {
  const isIpv6 = family === 'IPv6'
  return {
    address,
    // Node leaves `cidr` out only for masks with holes: then nothing but itself is on the link.
    prefixLength: Number(cidr?.split('/')[1] ?? (isIpv6 ? 128 : 32)),
    family: isIpv6 ? 6 : 4,
    isLinkLocal: isIpv6 ? /^fe[89ab]/i.test(address) : address.startsWith('169.254.'),
    isLoopback: internal,
  }
}

/** The index that sysfs gives the device, or 0 if it describes another device or none. */
function agreeingIndex(deviceFolder: string, knownIndex: number, mac: string): number {
  const index = Number(readText(join(deviceFolder, 'ifindex')) ?? 0)
  if (knownIndex !== 0 && index !== knownIndex) return 0
  const address = readText(join(deviceFolder, 'address'))
  const isEthernetAddress = address !== undefined && /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(address)
  return isEthernetAddress && address !== mac ? 0 : index
}

function readFacts(folder: string, name: string, depth = 0): InterfaceFacts {
  const device = join(folder, name)
  const entries = listFolder(device)
  const type = readText(join(device, 'type'))
  const isAtDepth = depth >= INTERFACE_STACK_DEPTH_MAX
  const lower = new Set([
    ...entries.filter((entry) => entry.startsWith('lower_')).map((entry) => entry.slice(6)),
    ...(entries.includes('brif') ? listFolder(join(device, 'brif')) : []),
  ])
  return {
    name,
    hardwareType: type === undefined ? undefined : Number(type),
    deviceType: readText(join(device, 'uevent'))?.match(/^DEVTYPE=(.+)$/m)?.[1],
    isWireless: entries.includes('wireless') || entries.includes('phy80211'),
    isTunDevice: entries.includes('tun_flags'),
    lower: isAtDepth ? [] : [...lower].map((member) => readFacts(folder, member, depth + 1)),
  }
}

function unknownFacts(name: string): InterfaceFacts {
  return {
    name,
    hardwareType: undefined,
    deviceType: undefined,
    isWireless: false,
    isTunDevice: false,
    lower: [],
  }
}

/** Devices vanish while they are read, and containers hide sysfs: absent is an answer. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim()
  } catch {
    return undefined
  }
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    // As for readText.
    return []
  }
}
