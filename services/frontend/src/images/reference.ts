import { err, ok, type Result } from '@weft/contracts'

/** An image by name, as container engines write it: `[registry/]repository[:tag][@sha256:digest]`. */
export interface ImageReference {
  /** Host and, where it is not the usual one, port. */
  readonly registry: string
  readonly repository: string
  /** The digest where there is one, else the tag: `sha256:…` or `latest`. */
  readonly version: string
}

const defaultRegistry = 'docker.io'
const mostCharacters = 1024
const mostNameCharacters = 255

const host =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const rest = new RegExp(
  `^(?<name>${component}(?:/${component})*)(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$`,
)

export function parseImageReference(uri: string): Result<ImageReference, 'malformed'> {
  // The patterns below are linear for texts of this length.
  if (uri.length > mostCharacters) return err('malformed')
  const slash = uri.indexOf('/')
  const first = slash < 0 ? '' : uri.slice(0, slash)
  const namesRegistry = first === 'localhost' || /[.:[]/.test(first) || first !== first.toLowerCase()
  if (namesRegistry && (!host.test(first) || !URL.canParse(`http://${first}`))) return err('malformed')
  const { name, tag, digest } = rest.exec(namesRegistry ? uri.slice(slash + 1) : uri)?.groups ?? {}
  if (name === undefined || name.length > mostNameCharacters) return err('malformed')
  const registry = namesRegistry ? first.toLowerCase() : defaultRegistry
  const isOfficial = registry === defaultRegistry && !name.includes('/')
  return ok({ registry, repository: isOfficial ? `library/${name}` : name, version: digest ?? tag ?? 'latest' })
}

/** The image that a digest names, whatever tags come and go. */
export const resolvedUri = ({ registry, repository }: ImageReference, digest: string): string =>
  `${registry}/${repository}@sha256:${digest}`
