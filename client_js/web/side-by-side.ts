/** A phone and a laptop next to each other, each a page of its own in a frame. */
import { newId } from '../src/ids'
import { address, readAddress, signInFromAddress } from './account'
import { cutKey } from './frame'

signInFromAddress()
const session = readAddress(location.hash).session ?? newId()
history.replaceState(null, '', address(session))

for (const section of document.querySelectorAll<HTMLElement>('section')) {
  const frame = section.querySelector('iframe')
  const network = section.querySelector('input')
  const device = section.dataset.device
  if (!frame || !network || device === undefined) continue
  network.checked = sessionStorage.getItem(cutKey(device)) !== 'yes'
  section.classList.toggle('cut', !network.checked)
  network.addEventListener('change', () => {
    sessionStorage.setItem(cutKey(device), network.checked ? 'no' : 'yes')
    section.classList.toggle('cut', !network.checked)
    frame.contentWindow?.postMessage({ cut: !network.checked }, location.origin)
  })
  frame.src = `/?device=${device}#s=${session}`
}
