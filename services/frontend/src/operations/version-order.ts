import { LATEST } from '@weft/contracts'

/** Sorts versions as text: `$LATEST` first, then by number. Numbers have at most 19 digits. */
export const versionSortKey = (version: string): string => (version === LATEST ? '' : version).padStart(19, '0')
