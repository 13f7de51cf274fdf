// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { NetworkInterfaceInfo } from 'node:os'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { INTERFACE_FACTS_LOOKS } from '../../src/system/limits.ts'
import {
  classifyInterface,
  type InterfaceFacts,
  InterfaceList,
  listInterfaces,
} from '../../src/system/system.ts'

const ETHERNET = 1

function facts(name: string, more: Partial<InterfaceFacts> = {}): InterfaceFacts {
  return {
    name,
    hardwareType: ETHERNET,
    deviceType: undefined,
    isWireless: false,
    isTunDevice: false,
    lower: [],
    ...more,
  }
}

const eth0 = facts('eth0')
const wlan0 = facts('wlan0', { isWireless: true, deviceType: 'wlan' })
const bat0 = facts('bat0')
const wg0 = facts('wg0', { hardwareType: 65534, deviceType: 'wireguard' })
const bridge = (...lower: InterfaceFacts[]): InterfaceFacts =>
  facts('br0', { deviceType: 'bridge', lower })

describe('classifyInterface', () => {
  it.each<[string, InterfaceFacts, string]>([
    ['loopback', facts('lo', { hardwareType: 772 }), 'loopback'],
    ['Ethernet', eth0, 'wire'],
    ['a name that only begins like batman', facts('batteries'), 'wire'],
    ['a vlan on Ethernet', facts('eth0.5', { deviceType: 'vlan', lower: [eth0] }), 'wire'],
    ['a vlan on batman-adv', facts('bat0.5', { deviceType: 'vlan', lower: [bat0] }), 'mesh'],
    ['a macvlan on a radio', facts('mv0', { deviceType: 'macvlan', lower: [wlan0] }), 'radio'],
    ['a station', wlan0, 'radio'],
    ['a radio known by DEVTYPE alone', facts('x', { deviceType: 'wlan' }), 'radio'],
    ['a monitor', facts('mon0', { hardwareType: 803 }), 'radio'],
    ['a mesh point', facts('mesh0', { isWireless: true, deviceType: 'wlan' }), 'mesh'],
    ['batman-adv', bat0, 'mesh'],
    ['batman-adv under another name', facts('soft', { deviceType: 'batadv' }), 'mesh'],
    ['WireGuard', wg0, 'tunnel'],
    ['tun', facts('tun0', { hardwareType: 65534, isTunDevice: true }), 'tunnel'],
    ['tap', facts('tap0', { isTunDevice: true }), 'tunnel'],
    ['ppp', facts('ppp0', { hardwareType: 512, deviceType: 'ppp' }), 'tunnel'],
    ['vxlan', facts('vx0', { deviceType: 'vxlan' }), 'tunnel'],
    ['an empty bridge', bridge(), 'wire'],
    ['a bridge of wires', bridge(eth0, facts('veth1')), 'wire'],
    ['a bridge with a radio', bridge(eth0, wlan0), 'radio'],
    ['a bridge with a mesh', bridge(eth0, wlan0, bat0), 'mesh'],
    ['a bridge with a tunnel', bridge(eth0, facts('tap0', { isTunDevice: true })), 'tunnel'],
    ['a bridge on a bridge with a mesh', bridge(bridge(bat0)), 'mesh'],
    ['unknown to sysfs, named like a radio', facts('wlan1', { hardwareType: undefined }), 'radio'],
    ['unknown to sysfs, named like a tunnel', facts('wg1', { hardwareType: undefined }), 'tunnel'],
    ['unknown to sysfs', facts('enp3s0', { hardwareType: undefined }), 'wire'],
  ])('%s', (_what, subject, segment) => {
    expect(classifyInterface(subject)).toBe(segment)
  })
})

const MAC = '02:00:00:00:00:01'

function listed(address: string, more: Partial<NetworkInterfaceInfo> = {}): NetworkInterfaceInfo {
  const isIpv6 = address.includes(':')
  const rest = { address, netmask: '', mac: MAC, internal: false, cidr: null, ...more }
  // The two forms of the type differ in `family` and `scopeid`, which agree here.
  return { ...rest, family: isIpv6 ? 'IPv6' : 'IPv4', ...(isIpv6 ? { scopeid: 7 } : {}) } as never
}

describe('listInterfaces', () => {
  let sysfsFolder = ''
  beforeEach(async () => {
    sysfsFolder = await mkdtemp(join(tmpdir(), 'citynode-sysfs-'))
  })
  afterEach(() => rm(sysfsFolder, { recursive: true }))

  async function device(name: string, files: Record<string, string>): Promise<void> {
    const all = { type: '1', address: MAC, ifindex: '7', uevent: `INTERFACE=${name}`, ...files }
    for (const [file, text] of Object.entries(all)) {
      const path = join(sysfsFolder, name, file)
      await mkdir(join(path, '..'), { recursive: true })
      await writeFile(path, `${text}\n`)
    }
  }

  it('reads what the kernel tells', async () => {
    await device('br0', { uevent: 'DEVTYPE=bridge\nINTERFACE=br0', 'brif/wlan0/port_no': '1' })
    await device('wlan0', { uevent: 'DEVTYPE=wlan', 'phy80211/index': '0' })
    const interfaces = listInterfaces({
      sysfsFolder,
      listed: {
        br0: [
          listed('fe80::1', { cidr: 'fe80::1/64' }),
          listed('10.0.0.1', { cidr: '10.0.0.1/8' }),
        ],
      },
    })
    expect(interfaces).toEqual([
      {
        name: 'br0',
        index: 7,
        mac: MAC,
        segment: 'radio',
        addresses: [
          { address: 'fe80::1', prefixLength: 64, family: 6, isLinkLocal: true, isLoopback: false },
          {
            address: '10.0.0.1',
            prefixLength: 8,
            family: 4,
            isLinkLocal: false,
            isLoopback: false,
          },
        ],
      },
    ])
  })

  it('finds the index of an interface without IPv6', async () => {
    await device('eth0', { ifindex: '3' })
    const [found] = listInterfaces({ sysfsFolder, listed: { eth0: [listed('10.0.0.1')] } })
    expect(found).toMatchObject({ index: 3, segment: 'wire' })
  })

  it('puts the addresses of an alias to their device', async () => {
    await device('eth0', {})
    const both = { eth0: [listed('fe80::1')], 'eth0:1': [listed('169.254.0.1')] }
    const interfaces = listInterfaces({ sysfsFolder, listed: both })
    expect(interfaces.map(({ name }) => name)).toEqual(['eth0'])
    expect(interfaces[0]?.addresses.map(({ isLinkLocal }) => isLinkLocal)).toEqual([true, true])
  })

  it('does not believe a sysfs that describes another device of that name', async () => {
    await device('eth0', { 'phy80211/index': '0', ifindex: '99' })
    const byIndex = listInterfaces({ sysfsFolder, listed: { eth0: [listed('fe80::1')] } })
    expect(byIndex[0]).toMatchObject({ index: 7, segment: 'wire' })
    await device('eth1', { 'phy80211/index': '0', address: '02:00:00:00:00:99' })
    const byMac = listInterfaces({ sysfsFolder, listed: { eth1: [listed('10.0.0.1')] } })
    expect(byMac[0]).toMatchObject({ index: 0, segment: 'wire' })
  })

  it('looks at what a device stands on', async () => {
    await device('mv0', { 'lower_wlan0/x': '' })
    await device('wlan0', { 'phy80211/index': '0' })
    const [found] = listInterfaces({ sysfsFolder, listed: { mv0: [listed('10.0.0.1')] } })
    expect(found?.segment).toBe('radio')
  })

  it('survives devices that stand on each other in a circle', async () => {
    await device('a', { 'lower_b/x': '' })
    await device('b', { 'lower_a/x': '' })
    const [found] = listInterfaces({ sysfsFolder, listed: { a: [listed('10.0.0.1')] } })
    expect(found?.segment).toBe('wire')
  })

  it('is looked at again and again, what devices are only now and then', async () => {
    await device('eth0', {})
    let answer = { eth0: [listed('fe80::1')] }
    const list = new InterfaceList({ sysfsFolder, listed: () => answer })
    const segment = (): string | undefined => list.list()[0]?.segment
    expect(segment()).toBe('wire')
    // A radio joins it, which shows nowhere but in sysfs.
    await device('eth0', { 'phy80211/index': '0' })
    const looks = Array.from({ length: INTERFACE_FACTS_LOOKS }, segment)
    expect(looks).toEqual([...looks.slice(1).fill('wire'), 'radio'])
    await device('eth0', { uevent: 'DEVTYPE=batadv' })
    expect(segment()).toBe('radio')
    // What the kernel lists counts at once, and with it all that is known of the devices.
    answer = { eth0: [listed('fe80::2')] }
    expect(list.list()[0]?.addresses[0]?.address).toBe('fe80::2')
    expect(segment()).toBe('mesh')
  })

  it('sees the loopback of this very machine', () => {
    const loopback = listInterfaces().find(({ segment }) => segment === 'loopback')
    expect(loopback?.name).toBe('lo')
    expect(loopback?.addresses).toContainEqual({
      address: '127.0.0.1',
      prefixLength: 8,
      family: 4,
      isLinkLocal: false,
      isLoopback: true,
    })
  })
})
