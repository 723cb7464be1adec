"""How the page of a simulation looks: by day and by night, on a telephone and on paper."""

STYLE = """
:root { --ink: #1c2127; --quiet: #5b6670; --line: #d8dde2; --paper: #fff; --card: #f4f6f8; color-scheme: light dark;
  --c0: #2f6f9f; --c1: #b5541c; --c2: #3c7d4b; --c3: #8a4f9e; --c4: #94730a; --c5: #6b7680 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ec; --quiet: #a3adb6; --line: #3a434b; --paper: #171b1f; --card: #20262b;
    --c0: #6cb0e0; --c1: #f0955a; --c2: #7cc48c; --c3: #c795da; --c4: #dcc060; --c5: #9aa4ad }
}
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 60rem; padding: 2rem 1rem 4rem }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; overflow-wrap: anywhere }
h3 { font-size: 1rem; margin: 1.75rem 0 .25rem }
section { border-top: 2px solid var(--line); margin-top: 2.5rem } section h2 { margin-top: 1.25rem }
p { margin: .4rem 0; max-width: 50rem } .quiet, small { color: var(--quiet) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1.5rem 0 }
.tiles div { background: var(--card); border-radius: .5rem; padding: .6rem .8rem; display: flex;
  flex-direction: column-reverse; justify-content: flex-end }
dt { color: var(--quiet); font-size: .85rem; line-height: 1.3 }
dd { margin: 0; font-size: 1.6rem; line-height: 1.3; font-variant-numeric: tabular-nums }
.wide { overflow-x: auto } .bars + .wide { margin-top: 1rem }
table { border-collapse: collapse; width: 100% } th { text-align: left; font-weight: 400 }
thead th { color: var(--quiet); font-size: .85rem; vertical-align: bottom; white-space: nowrap }
th, td { padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
tr > :last-child { padding-right: 0 } .number + :not(.number) { padding-left: 1rem }
.bars th:first-child { width: 36%; overflow-wrap: anywhere } .bars small { display: block; line-height: 1.3 }
.bars td.bar { width: 44% } .bars .bar span { display: block; height: 1rem; margin-top: .25rem; min-width: 1px;
  background: var(--c0); border-radius: 0 3px 3px 0 }
figure { margin: .5rem 0 0 } figcaption { color: var(--quiet); font-size: .85rem }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; margin: .25rem 0; padding: 0;
  font-size: .9rem }
.key { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .4rem }
.plot { display: grid; grid-template-columns: auto 1fr; column-gap: .5rem; margin-top: .75rem; font-size: .8rem;
  color: var(--quiet) }
.y { display: flex; flex-direction: column; justify-content: space-between; text-align: right; height: 12rem }
.low .y, .low svg { height: 6rem } .y span { line-height: 0 }
svg { width: 100%; height: 12rem; display: block; overflow: visible }
svg path { stroke: var(--line); stroke-width: 1px; vector-effect: non-scaling-stroke }
svg g:hover { opacity: .7 }
.x { grid-column: 2; position: relative; height: 1.6rem }
.x span { position: absolute; white-space: nowrap; border-left: 1px solid var(--quiet); padding: .3rem 0 0 .25rem;
  line-height: 1 }
.s0 { fill: var(--c0); background: var(--c0) } .s1 { fill: var(--c1); background: var(--c1) }
.s2 { fill: var(--c2); background: var(--c2) } .s3 { fill: var(--c3); background: var(--c3) }
.s4 { fill: var(--c4); background: var(--c4) } .s5 { fill: var(--c5); background: var(--c5) }
details { font-size: .85rem } summary { color: var(--quiet); cursor: pointer; padding: .3rem 0 }
@media (max-width: 36rem) { body { padding: 1rem .75rem 3rem } .x span:nth-child(even) { display: none }
  .wide td { white-space: nowrap }
  .bars td.bar { width: 28% } .bars th:first-child { width: 44% } }
@media print { body { max-width: none; padding: 0; font-size: 11pt; print-color-adjust: exact }
  details { display: none } figure, .tiles, tr { break-inside: avoid } h2, h3 { break-after: avoid }
  .wide { overflow: visible } }
"""
