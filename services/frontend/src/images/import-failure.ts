import type { ImportFailure, PutProblem } from '@weft/registry'
import type { ImageFailure } from './image-failure.ts'

/** What a function tells whose image could not be brought. Texts are AWS's where it has any. */
export function importFailureOf(imageUri: string, { kind }: Pick<ImageFailure, 'kind'>): ImportFailure {
  switch (kind) {
    case 'missing':
      return { code: 'ImageDeleted', reason: `Source image ${imageUri} does not exist. Provide a valid source image.` }
    case 'denied':
      return {
        code: 'ImageAccessDenied',
        reason: 'Lambda does not have permission to access the ECR image. Check the ECR permissions.',
      }
    case 'unsupported':
    case 'invalid':
      return {
        code: 'InvalidImage',
        reason: `Source image ${imageUri} is not valid: a layer is not what its manifest says, or cannot be unpacked.`,
      }
    case 'too-large':
      return { code: 'InvalidImage', reason: `Source image ${imageUri} is larger than images may be unpacked.` }
    case 'forbidden':
    case 'unreachable':
      return { code: 'InternalError', reason: `Source image ${imageUri} cannot be read from its registry.` }
  }
}

export const putFailureOf = (imageUri: string, problem: PutProblem): ImportFailure =>
  problem === 'different'
    ? importFailureOf(imageUri, { kind: 'invalid' })
    : { code: 'InternalError', reason: `There is no room in the code store for source image ${imageUri}.` }

export const exhausted: ImportFailure = {
  code: 'InternalError',
  reason: 'The image could not be stored, however often that was begun.',
}
