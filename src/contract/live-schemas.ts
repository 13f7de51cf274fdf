// SPDX-License-Identifier: AGPL-3.0-or-later
/** What changes while one looks: links, the machine, transfers, and what happened lately. */
import { z } from 'zod'
import { itemSchema, publicItemSchema, shapeSchema } from './item-schemas.ts'
import { publicStatusSchema, statusSchema } from './schemas.ts'

const fraction = z.number().min(0).max(1)
const rate = z.number().min(0).describe('bytes a second, over the last step')

/** How a link is now. What is not measured is `null`. */
export const linkSchema = z.object({
  peerId: z.string(),
  name: z.string().describe('as the peer calls itself; may be empty'),
  kind: z
    .enum(['neighbour', 'segment', 'peer'])
    .describe('one hop away; on the same segment, maybe not one hop; anywhere else'),
  interfaceName: z.string().nullable().describe('set for neighbours and segment peers'),
  rttMs: z.number().nullable().describe('smoothed round trip, milliseconds'),
  lossIn: fraction.nullable().describe('share of its hellos that we missed'),
  lossOut: fraction.nullable().describe('share of our hellos that it missed'),
  receivedBytesPerSecond: rate,
  sentBytesPerSecond: rate,
})
export type LinkFacts = z.infer<typeof linkSchema>

const series = z.array(z.number().nullable())

/** A link, and its last minutes: oldest first, all series of one length. */
export const linkHistorySchema = linkSchema.extend({
  samples: z.object({
    rttMs: series,
    lossIn: series,
    lossOut: series,
    receivedBytesPerSecond: series,
    sentBytesPerSecond: series,
  }),
})
export type LinkHistory = z.infer<typeof linkHistorySchema>

export const linksSchema = z.object({
  stepSeconds: z.number().describe('between two samples'),
  links: z.array(linkHistorySchema),
})
export type Links = z.infer<typeof linksSchema>

const room = z.object({ totalBytes: z.number(), availableBytes: z.number() })

/** How the machine is doing. What it does not tell is `null`. */
export const vitalsSchema = z.object({
  memory: room.nullable(),
  disk: room.nullable().describe('the file system of the data folder'),
  store: z
    .object({ usedBytes: z.number(), limitBytes: z.number().nullable() })
    .describe('what items take of the disk; limit null: as much as is free'),
  temperatureCelsius: z.number().nullable(),
  load: fraction.nullable().describe('share of all cores in use'),
  power: z
    .enum(['good', 'low', 'was-low'])
    .nullable()
    .describe('supply voltage, where the board measures it; was-low: since it was switched on'),
  machineUptimeSeconds: z.number().nullable(),
})
export type VitalsFacts = z.infer<typeof vitalsSchema>

/** Something that comes or goes: an addition, or a fetch. */
export const transferSchema = z.object({
  id: z.int().describe('of this run of the node'),
  kind: z.enum(['add', 'fetch']),
  cid: z.string().nullable().describe('null: an addition has it at its end'),
  name: z.string().describe('may be empty'),
  state: z.enum(['running', 'done', 'failed', 'stopped']),
  receivedBytes: z.number(),
  totalBytes: z.number().nullable(),
  bytesPerSecond: z.number().nullable(),
  startedSecondsAgo: z.number(),
  from: z.array(z.string()).describe('PeerIds of those who gave some of it, so far as is known'),
  problem: z
    .object({ code: z.string(), detail: z.string(), advice: z.string().nullable() })
    .nullable()
    .describe('why it failed'),
})
export type TransferFacts = z.infer<typeof transferSchema>

export const transferParamsSchema = z.object({ id: z.coerce.number().int().min(1) })

export const HAPPENING_CODES = [
  'NODE_STARTED',
  'NEIGHBOUR_FOUND',
  'NEIGHBOUR_LOST',
  'PEER_CONNECTED',
  'PEER_LOST',
  'ITEM_ADDED',
  'ITEM_FETCHED',
  'ITEM_PUBLISHED',
  'ITEM_WITHDRAWN',
  'ITEM_REMOVED',
  'FETCH_FAILED',
  'ADD_FAILED',
  'CONDITION_RAISED',
  'CONDITION_CLEARED',
] as const

/** Something that happened, once. */
export const happeningSchema = z.object({
  id: z.int().describe('rises; of this run of the node'),
  code: z.enum(HAPPENING_CODES),
  level: z.enum(['good', 'info', 'warning', 'error']),
  at: z.string().describe('ISO 8601, by the clock of the node'),
  secondsAgo: z.number().describe('when it was told: right even where the clock is wrong'),
  subject: z.string().nullable().describe('PeerId, CID, or the code of the condition'),
  name: z.string().describe('of the subject, for people; may be empty'),
  reason: z.string().nullable().describe('of a loss: silent, carrier, closed; of a failure: code'),
  text: z.string().describe('a sentence in English'),
})
export type Happening = z.infer<typeof happeningSchema>

export const happeningsSchema = z.object({
  happenings: z.array(happeningSchema).describe('oldest first'),
})

const statusEvent = <Of extends z.ZodType>(status: Of) =>
  z.object({ event: z.literal('status'), status })
const itemsEvent = <Of extends z.ZodType>(item: Of) =>
  z.object({
    event: z.literal('items'),
    changed: z.array(item),
    removed: z.array(z.string()).describe('CIDs'),
    isCut: z.boolean().describe('more changed than is told here: read the list again'),
  })

const linksEvent = z.object({
  event: z.literal('links'),
  stepSeconds: z.number(),
  links: z.array(linkSchema),
})
const vitalsEvent = z.object({ event: z.literal('vitals'), vitals: vitalsSchema })
const transfersEvent = z.object({
  event: z.literal('transfers'),
  transfers: z.array(transferSchema).describe('those that changed'),
})
const happeningEvent = z.object({ event: z.literal('happening'), happening: happeningSchema })

/** What a guest hears. */
export const publicEventSchema = z.discriminatedUnion('event', [
  statusEvent(publicStatusSchema),
  linksEvent,
  vitalsEvent,
  itemsEvent(publicItemSchema),
  happeningEvent,
])
export type PublicEvent = z.infer<typeof publicEventSchema>

/** What the owner hears. */
export const nodeEventSchema = z.discriminatedUnion('event', [
  statusEvent(statusSchema),
  linksEvent,
  vitalsEvent,
  itemsEvent(itemSchema),
  transfersEvent,
  happeningEvent,
])
export type NodeEvent = z.infer<typeof nodeEventSchema>

export const eventsQuerySchema = z.object({
  since: z.coerce
    .number()
    .int()
    .min(0)
    .optional()
    .describe('the id of the last happening that was heard: later ones that are kept come first'),
})

export const viewRequestSchema = z.object({ cid: z.string(), path: z.string().default('') })

/** Where a browser may look at something private for a while. */
export const viewSchema = z.object({
  port: z.int().describe('of the gateway, on the address by which the node was asked'),
  path: z.string().describe('of the URL'),
  shape: shapeSchema,
  kind: z.string().describe('media type'),
  expiresInSeconds: z.number(),
})
export type View = z.infer<typeof viewSchema>

export const ownerLinksSchema = z.object({
  links: z
    .array(z.string())
    .describe('of the status page, with the owner’s token after the #; the likeliest first'),
})
