import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Bed, type BedOptions, together } from './core/case.ts'
import { ratiosOf } from './core/goals.ts'
import { machineFacts } from './core/machine.ts'
import { runRounds } from './core/rounds.ts'
import { bootFloors } from './floors/boot.ts'
import { grpcFloors } from './floors/grpc.ts'
import { httpFloors } from './floors/http.ts'
import { natsFloors } from './floors/nats.ts'
import { startLanguages } from './languages/languages.ts'
import { languageTable } from './output/language-table.ts'
import { picture } from './output/picture.ts'
import { measuredTable, ratioTable } from './output/table.ts'
import { httpPeers } from './peers/http.ts'
import { queuePeer } from './peers/queue.ts'
import { densityBed } from './product/density.ts'
import { emptyPoolOnDocker, emptyPoolOnOci } from './product/empty-pool.ts'
import { startGrowth } from './product/growth.ts'
import { startProduct } from './product/product.ts'
import { startSources } from './sources/sources.ts'

const usage = `npm run bench -- [options]
  --only NAMES            what to measure (floors,product,peers); languages: the example order in every language;
                          sources: mappings beside bare consumers; growth: a warm call beside 10,000 functions, 1,000 sandboxes, 1,000 mappings;
                          empty: cold calls without stem cells; density: memory of idle environments
  --match TEXT            only cases whose id contains TEXT
  --rounds N              rounds of interleaved measurements (5)
  --scale X               multiplies every count (1)
  --out DIR               where results.json and results.svg go (bench-results)
`

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'floors,product,peers' },
    match: { type: 'string', default: '' },
    rounds: { type: 'string', default: '5' },
    scale: { type: 'string', default: '1' },
    out: { type: 'string', default: fileURLToPath(new URL('../../../bench-results', import.meta.url)) },
    help: { type: 'boolean', default: false },
  },
})
const suites = {
  floors: [httpFloors, grpcFloors, natsFloors, bootFloors],
  product: [startProduct],
  peers: [httpPeers, queuePeer],
  growth: [startGrowth],
  empty: [bootFloors, emptyPoolOnOci, emptyPoolOnDocker],
  density: [densityBed],
  sources: [startSources],
  languages: [startLanguages],
} satisfies Record<string, ((options: BedOptions) => Promise<Bed>)[]>

const wanted = values.only.split(',')
const rounds = Number(values.rounds)
const scale = Number(values.scale)
const known = wanted.every((name): name is keyof typeof suites => name in suites)
if (values.help || !known || !(rounds >= 1) || !Number.isInteger(rounds) || !(scale > 0)) {
  process.stdout.write(usage)
  process.exit(values.help ? 0 : 2)
}

const facts = machineFacts()
for (const [name, value] of Object.entries(facts)) process.stdout.write(`${name.padEnd(14)} ${value}\n`)

const startedAt = new Date()
const starts = wanted.flatMap((name) => suites[name as keyof typeof suites])
{
  await using bed = await together(starts.map((start) => () => start({ scale })))
  const cases = bed.cases.filter(({ id }) => id.includes(values.match))
  const measured = await runRounds(cases, rounds, (round, { title }) => {
    process.stderr.write(`round ${round + 1} of ${rounds}: ${title}\n`)
  })
  const ratios = ratiosOf(measured)
  process.stdout.write(`\n${measuredTable(measured)}\n`)
  const languages = languageTable(measured)
  if (languages !== undefined) process.stdout.write(`\n${languages}\n`)
  if (ratios.length > 0) process.stdout.write(`\n${ratioTable(ratios)}\n`)

  const out = resolve(values.out)
  await mkdir(out, { recursive: true })
  const result = { startedAt, rounds, scale, machine: facts, measured, ratios }
  await writeFile(join(out, 'results.json'), `${JSON.stringify(result, null, 2)}\n`)
  const caption = `${startedAt.toISOString()} · ${facts.processors} × ${facts.model} · node ${facts.node} · median of ${rounds} rounds`
  await writeFile(join(out, 'results.svg'), picture(measured, caption))
  process.stdout.write(`\nwritten: ${join(out, 'results.json')} and results.svg\n`)
}
