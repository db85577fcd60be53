// Loaded before the simulator: breaks the protocol in the place that the environment names, in memory alone.
import { registerHooks } from 'node:module'
import { mutants } from './list.ts'

const mutant = mutants[Number(process.env.WEFT_MUTANT)]
if (!mutant) throw new Error('WEFT_MUTANT names no mutant')

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context)
    if (!url.endsWith(`/${mutant.file}`)) return loaded
    const source = String(loaded.source)
    if (source.split(mutant.find).length !== 2) throw new Error(`${mutant.file}: not found once: ${mutant.find}`)
    return { ...loaded, source: source.replace(mutant.find, () => mutant.replace) }
  },
})
