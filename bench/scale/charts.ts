/** Draws the charts of docs/benchmarks.md. The same result always gives the same files. */
import { createRequire } from 'node:module'
import type * as ECharts from 'echarts'
import { medians } from './page.js'
import type { Point, ScaleResult } from './result.js'
import { type Chart, type Section, sections } from './sections.js'

// The CommonJS build has types for `import` only with a DOM.
const echarts: typeof ECharts = createRequire(import.meta.url)('echarts')

const size = { width: 640, height: 340 }
const colors = ['#2563eb', '#d97706', '#059669']

export interface Drawing {
  readonly name: string
  readonly svg: string
}

export function drawings(result: ScaleResult): Drawing[] {
  return sections.flatMap((section) => {
    const points = result.sections[section.name]
    return points
      ? section.charts.map((chart) => ({ name: chart.name, svg: draw(section, chart, points) }))
      : []
  })
}

function draw(section: Section, chart: Chart, points: readonly Point[]): string {
  const instance = echarts.init(null, null, { renderer: 'svg', ssr: true, ...size })
  try {
    instance.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      color: colors,
      title: { text: chart.title, left: 'center' },
      legend: { itemGap: 24, bottom: 4, data: chart.series.map(({ title }) => title) },
      grid: { left: 70, right: 40, top: 56, bottom: 80 },
      xAxis: { type: 'value', name: section.axis, nameLocation: 'middle', nameGap: 26 },
      yAxis: { type: 'value', name: chart.unit },
      series: chart.series.map((column) => ({
        name: column.title,
        type: 'line',
        symbolSize: 7,
        data: points.map((point) => [point.size, column.value(medians(point), point.size)]),
      })),
    })
    const svg = stable(instance.renderToSVGString())
    return `${svg.replace('>', `><title>${chart.title}</title>`)}\n`
  } finally {
    instance.dispose()
  }
}

/**
 * Leaves out the styles for a mouse pointer. ECharts numbers clip paths across all charts of the process; this numbers
 * those of each chart.
 */
function stable(svg: string): string {
  const names = new Map<string, string>()
  return svg
    .replace(/<style[\s\S]*?<\/style>\n?/g, '')
    .replace(/ class="[^"]*"/g, '')
    .replace(/\bzr\d+-c\d+\b/g, (found) => {
      const name = names.get(found) ?? `clip-${names.size}`
      names.set(found, name)
      return name
    })
}
