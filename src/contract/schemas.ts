// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * What travels over the API, as schemas and the types inferred from them. Additive: a field, once
 * here, keeps its name and meaning. What is not known is `null`, never left out.
 */
import { z } from 'zod'

/** Problem details after RFC 9457, with the stable `code` of the failure and what to do. */
export const problemSchema = z.object({
  type: z.string().describe('urn:citynode:error:<code>'),
  title: z.string().describe('the HTTP status in words'),
  status: z.int(),
  code: z.string().describe('stable, for programs'),
  detail: z.string().describe('what happened, for people'),
  advice: z.string().optional().describe('what to do about it'),
})
export type ProblemDetails = z.infer<typeof problemSchema>

export const healthConditionSchema = z.object({
  code: z.string(),
  severity: z.enum(['info', 'warning', 'error']),
  text: z.string().describe('what is the matter, in a sentence'),
  advice: z.string().describe('what to do about it, in a sentence'),
})

export const healthSchema = z.object({
  status: z
    .enum(['ok', 'degraded', 'failed'])
    .describe('failed: a condition is an error; degraded: one is a warning'),
  conditions: z.array(healthConditionSchema),
})
export type Health = z.infer<typeof healthSchema>

const fraction = z.number().min(0).max(1)

/** A neighbour as anybody on the LAN may know it. */
export const publicNeighbourSchema = z.object({
  peerId: z.string(),
  name: z.string().default('').describe('as the neighbour calls itself; may be empty'),
  interfaceName: z.string(),
  rttMs: z.number().nullable().describe('smoothed round trip, milliseconds'),
  lossIn: fraction.nullable().describe('share of its hellos that we missed'),
  lossOut: fraction.nullable().describe('share of our hellos that it missed'),
  knownForSeconds: z.number().describe('since it became a neighbour'),
  heardSecondsAgo: z.number().describe('since its last sign of life'),
  version: z.string().nullable().describe('as the neighbour tells it'),
})
export type PublicNeighbour = z.infer<typeof publicNeighbourSchema>

export const neighbourSchema = publicNeighbourSchema.extend({
  address: z.string().describe('where hellos are exchanged'),
})
export type NeighbourFacts = z.infer<typeof neighbourSchema>

export const peerSchema = z.object({
  peerId: z.string(),
  name: z.string().default('').describe('as the peer calls itself; may be empty'),
  address: z.string().describe('the remote end, as a multiaddr'),
  direction: z.enum(['inbound', 'outbound']),
  connectedForSeconds: z.number(),
  version: z.string().nullable().describe('as the peer tells it'),
  interfaceName: z.string().nullable().describe('set for a segment peer'),
  isNeighbour: z.boolean(),
})
export type PeerFacts = z.infer<typeof peerSchema>

/** What a node tells to anybody on the LAN. Nothing of private items, not even how many. */
export const publicStatusSchema = z.object({
  peerId: z.string(),
  did: z.string(),
  name: z.string().default('').describe('as its owner calls it; may be empty'),
  version: z.string(),
  city: z.string(),
  uptimeSeconds: z.number(),
  health: healthSchema,
  neighbours: z.array(publicNeighbourSchema),
  connectedPeersCount: z.int(),
  otherPeersCount: z.int().describe('connected peers that are not neighbours'),
  publicItemsCount: z.int(),
  gatewayPort: z
    .int()
    .nullable()
    .default(null)
    .describe('TCP port where browsers open public items; null: there is no gateway'),
})
export type PublicStatus = z.infer<typeof publicStatusSchema>

/** What a node tells its owner on top. */
export const statusSchema = publicStatusSchema.extend({
  dataFolder: z.string(),
  listenAddresses: z.array(z.string()).describe('our dialable addresses, as multiaddrs'),
  statusPort: z.int().describe('TCP port of the status page'),
  itemsCount: z.int(),
  itemsSizeBytes: z.number(),
})
export type Status = z.infer<typeof statusSchema>

export const configSchema = z.record(z.string(), z.unknown())
