// SPDX-License-Identifier: AGPL-3.0-or-later
/** The `[network]` section of the configuration, and the kinds of value that other sections share. */
import { isIP } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { isPeerId } from '../base/base.ts'

const PORT_MAX = 65_535

/** A port to listen on; 0 takes any that is free. */
export function portSchema(port: number, description: string): z.ZodDefault<z.ZodInt> {
  return z
    .int()
    .min(0)
    .max(PORT_MAX)
    .default(port)
    .meta({ description: `${description} 0 takes any free one.`, unit: 'port number' })
}

/** An address to listen on; `::` is every address of the machine, IPv4 too. */
export function listenAddressSchema(description: string): z.ZodDefault<z.ZodString> {
  return z
    .string()
    .refine((text) => isIP(text) !== 0, 'should be an IP address, such as "::" or "192.168.1.10"')
    .default('::')
    .meta({ description: `${description} "::" means all of them.` })
}

/** What an interface is to us; `off` keeps discovery away from it. */
export const INTERFACE_SEGMENTS = ['wire', 'radio', 'mesh', 'off'] as const

const interfaceSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[^\s/:]{1,15}$/, 'should be the name of an interface, such as "eth0"')
      .meta({ description: 'The name of the interface.', example: 'wlan1' }),
    segment: z.enum(INTERFACE_SEGMENTS).meta({
      description:
        '`wire`: every node on it is one hop away. `radio`: a radio on which each node hears its ' +
        'neighbours itself (802.11s with `mesh_fwding 0`). `mesh`: it forwards by itself ' +
        '(batman-adv, 802.11s with forwarding, a bridge to such), so that nodes on it need not be ' +
        'neighbours. `off`: not used to discover nodes.',
      example: 'mesh',
    }),
  })
  .readonly()

const relaySchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description: 'Whether this node relays control traffic of nodes that cannot be reached.',
    }),
    wanted: z
      .boolean()
      .default(false)
      .meta({
        description:
          'Whether this node asks another one to relay for it: for a node that others cannot reach, ' +
          'behind a router that lets nothing in.',
      }),
    reservations_max: z
      .int()
      .min(1)
      .max(1_000)
      .default(15)
      .meta({ description: 'For how many nodes at once.', unit: 'nodes' }),
    data_bytes_max: z
      .int()
      .min(1_024)
      .max(2 ** 40)
      .default(4 * 1024 * 1024)
      .meta({
        description: 'How much one relayed connection may carry, both directions together.',
        unit: 'bytes',
      }),
    duration_s_max: z
      .int()
      .min(1)
      .max(86_400)
      .default(600)
      .meta({ description: 'How long one relayed connection may last.', unit: 'seconds' }),
  })
  .readonly()
  .prefault({})
  .meta({ description: 'Help for nodes that others cannot reach directly.' })

export const networkConfigSchema = z
  .strictObject({
    port: portSchema(7440, 'TCP port for other nodes (libp2p).'),
    beacon_port: z.int().min(1).max(PORT_MAX).default(7442).meta({
      description: 'UDP port of the link-local beacon. The same on all nodes of a city.',
      unit: 'port number',
    }),
    hello_port: portSchema(7443, 'UDP port of the hellos between neighbours.'),
    bootstrap: z
      .array(
        z
          .string()
          .refine(isNodeAddress, 'should be like "/ip4/10.0.0.7/tcp/7440/p2p/12D3KooW…"')
          .refine(
            (text) => !hasName(text),
            'has a name in it, but the network of a city looks no names up: give the IP address',
          ),
      )
      .max(64)
      .readonly()
      .default([])
      .meta({
        description: 'Nodes to connect to at the start, as multiaddrs that end in `/p2p/<PeerId>`.',
        example: [
          '/ip4/10.0.0.7/tcp/7440/p2p/12D3KooWFP6VEX9JDPrSrt5fwSKJGkPrJ8Mao96fZhdwo12EJRUY',
        ],
      }),
    allow_loopback: z.boolean().default(false).meta({
      description:
        'Whether to dial and accept loopback addresses: for several nodes on one machine.',
    }),
    dial_ranges: z
      .array(z.string().refine(isCidr, 'should be a range like "10.0.0.0/8" or "fd00::/8"'))
      .max(256)
      .readonly()
      .default([])
      .meta({
        description:
          "Ranges that may be dialled besides the networks that we are on and the city's own prefix.",
        example: ['10.0.0.0/8'],
      }),
    mdns: z
      .boolean()
      .default(true)
      .meta({ description: 'Whether to find nodes on the LAN by multicast DNS.' }),
    beacon: z.boolean().default(true).meta({
      description: 'Whether to find nodes on each interface by the link-local beacon.',
    }),
    connections_max: z
      .int()
      .min(4)
      .max(10_000)
      .default(100)
      .meta({ description: 'How many nodes may be connected at once.', unit: 'connections' }),
    interface: z
      .array(interfaceSchema)
      .max(64)
      .refine(hasDistinctNames, 'names the same interface twice')
      .readonly()
      .default([])
      .meta({ description: 'What an interface is, where the node cannot see it for itself.' }),
    relay: relaySchema,
  })
  .readonly()
  .prefault({})
  .meta({ description: 'How this node meets others.' })

export type NetworkConfig = z.output<typeof networkConfigSchema>

function isNodeAddress(text: string): boolean {
  try {
    const parts = multiaddr(text).getComponents()
    const last = parts.at(-1)
    const isNamed = last?.name === 'p2p' && last.value !== undefined && isPeerId(last.value)
    return isNamed && parts.some(({ name }) => name === 'tcp')
  } catch {
    // Not a multiaddr at all.
    return false
  }
}

/** `/dns4/example.org/…`: nothing here would ever dial it. */
function hasName(text: string): boolean {
  return /^\/dns(?:4|6|addr)?\//.test(text)
}

function isCidr(text: string): boolean {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text)
  const family = isIP(match?.[1] ?? '')
  return family !== 0 && Number(match?.[2]) <= (family === 4 ? 32 : 128)
}

function hasDistinctNames(interfaces: readonly { name: string }[]): boolean {
  return new Set(interfaces.map(({ name }) => name)).size === interfaces.length
}
