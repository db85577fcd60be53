/**
 * - `missing`: the registry does not have it.
 * - `denied`: the registry does not give it.
 * - `unsupported`: a kind of image or layer that is not known, or none for the platform.
 * - `invalid`: the registry gives what cannot be an image, or bytes other than the digest says.
 * - `too-large`
 * - `forbidden`: the operator does not let the registry, or what it leads to, be asked.
 * - `unreachable`: there is no answer, or none in time. Another try may help.
 */
export type ImageFailureKind =
  | 'missing'
  | 'denied'
  | 'unsupported'
  | 'invalid'
  | 'too-large'
  | 'forbidden'
  | 'unreachable'

/** An image could not be had. The message is for the operator: it may tell of the network. */
export class ImageFailure extends Error {
  readonly kind: ImageFailureKind

  constructor(kind: ImageFailureKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
