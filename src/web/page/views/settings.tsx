// SPDX-License-Identifier: AGPL-3.0-or-later
/** What is set on this device: who one is, which language, which look. */
import { useState } from 'preact/hooks'
import { TOKEN_LENGTH_MAX } from '../limits.ts'
import { Button, Dialog, usePage, usePicture } from '../parts/parts.ts'
import { tokenFromPaste } from '../state/state.ts'
import { isLanguage, LANGUAGE_NAMES } from '../words/words.ts'
import { Check, Choice, Field } from './form.tsx'

export function SettingsDialog({ onClose }: { onClose: () => void }) {
  const { speech, look, setLook, setLanguage } = usePage()
  const { say } = speech
  return (
    <Dialog title={say('settings')} onClose={onClose}>
      <div class="form">
        <Owner onClose={onClose} />
        <Choice
          legend={say('settings.language')}
          value={speech.language}
          onChange={setLanguage}
          options={Object.entries(LANGUAGE_NAMES).flatMap(([value, label]) =>
            isLanguage(value) ? [{ value, label }] : [],
          )}
        />
        <Choice
          legend={say('settings.look')}
          value={look}
          onChange={setLook}
          options={[
            { value: 'auto', label: say('settings.lookAuto') },
            { value: 'light', label: say('settings.lookLight') },
            { value: 'dark', label: say('settings.lookDark') },
          ]}
        />
      </div>
    </Dialog>
  )
}

function Owner({ onClose }: { onClose: () => void }) {
  const { speech, signIn, signOut } = usePage()
  const { say } = speech
  const isOwner = usePicture((picture) => picture.role === 'owner')
  const [text, setText] = useState('')
  const [isOwnDevice, setOwnDevice] = useState(false)
  const [isWrong, setWrong] = useState(false)
  if (isOwner) {
    return (
      <section class="owner">
        <h3>{say('owner.title')}</h3>
        <p>{say('owner.owner')}</p>
        <Button
          onClick={() => {
            signOut()
            onClose()
          }}
        >
          {say('owner.signOut')}
        </Button>
      </section>
    )
  }
  return (
    <form
      class="owner"
      onSubmit={(event) => {
        event.preventDefault()
        const token = tokenFromPaste(text)
        setWrong(token === undefined)
        if (token === undefined) return
        signIn(token, isOwnDevice)
        onClose()
      }}
    >
      <h3>{say('owner.title')}</h3>
      <p class="soft">{say('owner.guest')}</p>
      <Field
        label={say('owner.field')}
        hint={say('owner.hint')}
        wrong={isWrong ? say('owner.notToken') : undefined}
        value={text}
        onInput={setText}
        lengthMax={TOKEN_LENGTH_MAX}
        isSecret
      />
      <Check label={say('owner.own')} isOn={isOwnDevice} onChange={setOwnDevice} />
      <Button type="submit">{say('owner.signIn')}</Button>
    </form>
  )
}
