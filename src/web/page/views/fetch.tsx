// SPDX-License-Identifier: AGPL-3.0-or-later
/** Fetching something by its content id, or by whatever link holds one. */
import { useState } from 'preact/hooks'
import { ITEM_PATH_LENGTH_MAX, type Visibility } from '../../../contract/contract.ts'
import { Dialog, usePage } from '../parts/parts.ts'
import { parseWanted } from '../state/state.ts'
import { Check, DialogForm, Field, VisibilityChoice } from './form.tsx'

export function FetchDialog(props: { cid?: string; onClose: () => void }) {
  const { session, speech, go } = usePage()
  const { say } = speech
  const [text, setText] = useState(props.cid ?? '')
  const [isWrong, setWrong] = useState(false)
  const [visibility, setVisibility] = useState<Visibility>('private')
  const [isKept, setKept] = useState(false)
  const send = (): void => {
    const wanted = parseWanted(text)
    setWrong(wanted === undefined)
    if (wanted === undefined) return
    session.fetch({ kind: 'fetch', ...wanted, visibility, isKept })
    props.onClose()
    go('#/items')
  }
  return (
    <Dialog title={say('fetch.title')} onClose={props.onClose}>
      <DialogForm send={say('fetch.send')} onSend={send} onCancel={props.onClose}>
        <Field
          label={say('fetch.field')}
          hint={say('fetch.hint')}
          wrong={isWrong ? say('fetch.wrong') : undefined}
          value={text}
          onInput={setText}
          lengthMax={ITEM_PATH_LENGTH_MAX}
        />
        <VisibilityChoice value={visibility} onChange={setVisibility} />
        <Check label={say('fetch.keep')} isOn={isKept} onChange={setKept} />
      </DialogForm>
    </Dialog>
  )
}
