import type { ComponentChildren } from 'preact'

function icon(children: ComponentChildren) {
  return () => (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {children}
    </svg>
  )
}

export const MenuIcon = icon(<path d="M4 7h16M4 12h16M4 17h10" />)
export const PlusIcon = icon(<path d="M12 5v14M5 12h14" />)
export const SendIcon = icon(<path d="M12 19V5m-6 6 6-6 6 6" />)
export const StopIcon = icon(<rect x="7" y="7" width="10" height="10" rx="1.5" class="solid" />)
export const ShareIcon = icon(<path d="M12 15V4m-4 4 4-4 4 4M6 12H5v8h14v-8h-1" />)
export const DocumentIcon = icon(<path d="M7 3h7l4 4v14H7zM14 3v4h4M10 12h5M10 16h5" />)
export const KnowsIcon = icon(
  <path d="M9 18h6M10 21h4M12 3a6 6 0 0 0-3.5 10.900c.6.5.9 1.200.9 2.100h5.200c0-.9.3-1.600.9-2.100A6 6 0 0 0 12 3z" />,
)
export const CloseIcon = icon(<path d="m6 6 12 12M18 6 6 18" />)
export const EditIcon = icon(<path d="m5 19 1-4L16.5 4.5l3 3L9 18zM14 7l3 3" />)
export const TrashIcon = icon(<path d="M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13" />)
export const CheckIcon = icon(<path d="m5 12.5 4.5 4.5L19 7.5" />)
export const ClockIcon = icon(<path d="M12 7.5V12l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z" />)
export const PhoneIcon = icon(<path d="M8 3h8v18H8zM11 18h2" />)
export const LaptopIcon = icon(<path d="M5 6h14v10H5zM2.5 19h19" />)
export const DownIcon = icon(<path d="M12 5v14m-6-6 6 6 6-6" />)
export const ClipIcon = icon(
  <path d="m8.500 12.500 5.800-5.800a2.600 2.600 0 0 1 3.700 3.700l-7.300 7.300a4.300 4.300 0 0 1-6.100-6.100L11.500 4.700" />,
)
export const DownloadIcon = icon(<path d="M12 4v11m-5-5 5 5 5-5M5 19h14" />)
export const LeftIcon = icon(<path d="m14 6-6 6 6 6" />)
export const RightIcon = icon(<path d="m10 6 6 6-6 6" />)
export const CopyIcon = icon(<path d="M9 9h11v11H9zM5 15H4V4h11v1" />)
export const AgainIcon = icon(<path d="M19 8a8 8 0 1 0 1 5M20 4v5h-5" />)
export const SignOutIcon = icon(<path d="M10 5H5v14h5M15 8l4 4-4 4M19 12H9" />)

export function DeviceIcon({ kind }: { kind: string }) {
  return kind === 'phone' || kind === 'tablet' ? <PhoneIcon /> : <LaptopIcon />
}
