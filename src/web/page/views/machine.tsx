// SPDX-License-Identifier: AGPL-3.0-or-later
/** This node and the machine that it runs on: how full, how warm, how long, and who it is. */
import type { ComponentChildren } from 'preact'
import type { PublicStatus, Status, VitalsFacts } from '../../../contract/contract.ts'
import {
  Badge,
  Card,
  Meter,
  nodeName,
  PanelOf,
  shortened,
  usePage,
  usePicture,
} from '../parts/parts.ts'
import { isOwnStatus } from '../state/state.ts'
import { Conditions } from './conditions.tsx'

/** Shares of a disk or memory in use from which people should look. */
const FULL_SHARE_MIN = 0.9

/** Celsius: a Pi slows itself down at 80. */
const WARM_CELSIUS_MIN = 65
const HOT_CELSIUS_MIN = 80

export function MachineView() {
  const { say } = usePage().speech
  const status = usePicture((picture) => picture.status)
  const vitals = usePicture((picture) => picture.vitals)
  return (
    <>
      <h1>{say('machine.title')}</h1>
      {status.value === undefined ? null : (
        <Conditions conditions={status.value.health.conditions} />
      )}
      <div class="columns">
        <Card id="vitals" title={say('machine.vitals')}>
          <PanelOf panel={vitals} name="vitals" rows={5}>
            {(facts) => <Vitals vitals={facts} />}
          </PanelOf>
        </Card>
        <Card id="this-node" title={say('machine.node')}>
          <PanelOf panel={status} name="status" rows={5}>
            {(facts) => <ThisNode status={facts} />}
          </PanelOf>
        </Card>
        <Card id="programs" title={say('machine.programs')} text={say('machine.programsText')}>
          <p class="links-line">
            {['/v1/status', '/health', '/metrics', '/api/openapi.json'].map((path) => (
              <a key={path} href={path}>
                {path}
              </a>
            ))}
          </p>
        </Card>
      </div>
    </>
  )
}

function Fact({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Vitals({ vitals }: { vitals: VitalsFacts }) {
  const { say, figures } = usePage().speech
  const { disk, memory, store, temperatureCelsius, load, power, machineUptimeSeconds } = vitals
  return (
    <dl class="facts">
      {disk === null ? null : <Room label={say('machine.disk')} room={disk} />}
      {memory === null ? null : <Room label={say('machine.memory')} room={memory} />}
      <Fact label={say('machine.store')}>
        {store.limitBytes === null
          ? say('machine.storeFree', { used: figures.bytes(store.usedBytes) })
          : say('machine.storeOf', {
              used: figures.bytes(store.usedBytes),
              limit: figures.bytes(store.limitBytes),
            })}
      </Fact>
      {temperatureCelsius === null ? null : (
        <Fact label={say('machine.temperature')}>
          {figures.celsius(temperatureCelsius)} <Warmth celsius={temperatureCelsius} />
        </Fact>
      )}
      {load === null ? null : <Fact label={say('machine.load')}>{figures.percent(load)}</Fact>}
      {power === null ? null : (
        <Fact label={say('machine.power')}>
          <Badge tone={POWER[power].tone} icon={POWER[power].icon}>
            {say(POWER[power].key)}
          </Badge>
        </Fact>
      )}
      {machineUptimeSeconds === null ? null : (
        <Fact label={say('machine.machineUptime')}>{figures.duration(machineUptimeSeconds)}</Fact>
      )}
    </dl>
  )
}

const POWER = {
  good: { key: 'machine.powerGood', tone: 'ok', icon: 'good' },
  low: { key: 'machine.powerLow', tone: 'help', icon: 'error' },
  'was-low': { key: 'machine.powerWasLow', tone: 'look', icon: 'warning' },
} as const

function Warmth({ celsius }: { celsius: number }) {
  const { say } = usePage().speech
  if (celsius >= HOT_CELSIUS_MIN) {
    return (
      <Badge tone="help" icon="error">
        {say('machine.hot')}
      </Badge>
    )
  }
  if (celsius >= WARM_CELSIUS_MIN) {
    return (
      <Badge tone="look" icon="warning">
        {say('machine.warm')}
      </Badge>
    )
  }
  return (
    <Badge tone="ok" icon="good">
      {say('machine.cool')}
    </Badge>
  )
}

function Room({
  label,
  room,
}: {
  label: string
  room: { totalBytes: number; availableBytes: number }
}) {
  const { say, figures } = usePage().speech
  const { totalBytes, availableBytes } = room
  const share = totalBytes === 0 ? 0 : 1 - availableBytes / totalBytes
  const isFull = share >= FULL_SHARE_MIN
  const free = { free: figures.bytes(availableBytes), total: figures.bytes(totalBytes) }
  return (
    <Fact label={label}>
      {say('machine.free', free)}
      {isFull ? (
        <>
          {' '}
          <Badge tone="look" icon="warning">
            {say('machine.full')}
          </Badge>
        </>
      ) : null}
      <Meter share={share} isFull={isFull} label={`${label}: ${figures.percent(share)}`} />
    </Fact>
  )
}

function ThisNode({ status }: { status: PublicStatus | Status }) {
  const { speech } = usePage()
  const { say, figures } = speech
  const nowMs = usePicture((picture) => picture.nowMs)
  const statusMs = usePicture((picture) => picture.statusMs)
  const uptimeSeconds = status.uptimeSeconds + (nowMs - statusMs) / 1_000
  return (
    <dl class="facts">
      <Fact label={say('machine.name')}>
        <bdi>{nodeName(speech, status)}</bdi>
      </Fact>
      <Fact label={say('machine.city')}>
        <bdi>{shortened(status.city)}</bdi>
      </Fact>
      <Fact label={say('machine.uptime')}>{figures.duration(uptimeSeconds)}</Fact>
      <Fact label={say('items.title')}>
        {isOwnStatus(status)
          ? `${say('items.count', { count: status.itemsCount })} (${figures.bytes(status.itemsSizeBytes)})`
          : say('items.publicCount', { count: status.publicItemsCount })}
      </Fact>
      <Fact label={say('machine.version')}>{status.version}</Fact>
      <Fact label={say('machine.identity')}>
        <span class="id">{status.did}</span>
      </Fact>
      {isOwnStatus(status) ? (
        <>
          <Fact label={say('machine.folder')}>
            <span class="id">{status.dataFolder}</span>
          </Fact>
          <Fact label={say('machine.addresses')}>
            <ul class="plain-list">
              {status.listenAddresses.map((address) => (
                <li key={address} class="id">
                  {/* Its end names the node, which stands above. */}
                  {address.replace(/\/p2p\/[^/]+$/, '')}
                </li>
              ))}
            </ul>
          </Fact>
        </>
      ) : null}
    </dl>
  )
}
