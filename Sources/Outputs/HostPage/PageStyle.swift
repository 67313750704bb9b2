/// Colours only repeat what words say. No file of its own, no font to fetch.
let pageStyle: StaticString = """
    :root {
      color-scheme: light dark;
      --page: #f4f5f7; --card: #fff; --edge: #dde1e6; --text: #1b1f24; --quiet: #5b6470;
      --code: #f1f3f5; --stripe: #0001;
      --running: #3d9e70; --waiting: #e0a31c; --throttled: #d0473e; --interrupted: #a55bc4;
      --soft: #d39be6; --memory: #2aa3b3; --io: #3c78d2; --blocked: #85583d; --sleeping: #e3e7eb;
      --gpu: #27548f; --good: #2b8a5b; --warn: #b97800; --bad: #c8362c; --note: #5b6470;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #111418; --card: #191d23; --edge: #2d333b; --text: #e4e8ec; --quiet: #98a2ad;
        --code: #101317; --stripe: #fff2;
        --running: #43a778; --waiting: #d9a436; --throttled: #e0625a; --interrupted: #b273cf;
        --soft: #d3a6e4; --memory: #38a9b8; --io: #5a90e2; --blocked: #a27556;
        --sleeping: #2f363e; --gpu: #a9cbf7; --good: #4cb583; --warn: #e0aa3e; --bad: #f0746b;
        --note: #98a2ad;
      }
    }
    * { box-sizing: border-box; }
    body {
      margin: 0; background: var(--page); color: var(--text);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
      font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
    }
    main { max-width: 1120px; margin: 0 auto; padding: 20px 20px 0; }
    footer {
      max-width: 1120px; margin: 0 auto; padding: 4px 20px 28px; color: var(--quiet);
      font-size: 13px;
    }
    header { margin: 0 2px 14px; }
    h1 { margin: 0; font-size: 26px; line-height: 1.25; font-weight: 650; }
    h2 { margin: 0 0 10px; font-size: 17px; font-weight: 650; }
    h3 { margin: 0 0 2px; font-size: 16px; font-weight: 650; }
    p { margin: 0 0 10px; }
    ul { margin: 0 0 12px; padding: 0; list-style: none; }
    .quiet { color: var(--quiet); font-size: 13px; }
    header .quiet, .verdict .quiet { margin: 2px 0 0; }
    section {
      background: var(--card); border: 1px solid var(--edge); border-radius: 10px;
      padding: 16px 18px 12px; margin: 0 0 16px;
    }
    .verdict { border-left: 6px solid var(--note); padding: 14px 18px; }
    .verdict p:first-child { margin: 0; font-size: 18px; line-height: 1.4; }
    .verdict.healthy { border-left-color: var(--good); }
    .verdict.warning { border-left-color: var(--warn); }
    .verdict.critical { border-left-color: var(--bad); }
    .word { margin-right: 10px; color: var(--note); letter-spacing: .02em; }
    .healthy .word { color: var(--good); }
    .warning .word { color: var(--warn); }
    .critical .word { color: var(--bad); }
    .notes li {
      border: 1px solid var(--warn); border-radius: 8px; padding: 6px 12px; margin: 0 0 6px;
    }
    .tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(180px, 1fr));
      gap: 12px; margin: 0 0 16px; }
    .tiles li {
      background: var(--card); border: 1px solid var(--edge); border-radius: 10px;
      padding: 10px 14px;
    }
    .tiles strong { display: block; font-size: 24px; line-height: 1.25; font-weight: 600; }
    .tiles span { display: block; color: var(--quiet); font-size: 13px; line-height: 1.35; }
    .legend { display: flex; flex-wrap: wrap; gap: 2px 16px; font-size: 13px; }
    .legend li { display: flex; align-items: center; gap: 6px; }
    .key { width: 12px; height: 12px; border-radius: 3px; flex: none; }
    .key-line { height: 0; border-top: 3px solid var(--gpu); border-radius: 0; }
    .processes { margin: 4px 0 10px; font-size: 14px; }
    .processes li { margin: 0 0 4px; }
    table { border-collapse: collapse; width: 100%; margin: 0 0 10px; font-size: 14px; }
    th { text-align: left; vertical-align: bottom; font-weight: 500; color: var(--quiet); font-size: 13px; }
    th, td { padding: 3px 10px 3px 0; vertical-align: middle; }
    th:last-child, td:last-child { padding-right: 0; }
    .number { text-align: right; white-space: nowrap; width: 1%; padding-left: 8px; }
    .time .name { min-width: 7em; max-width: 20em; }
    .time .extra { white-space: nowrap; color: var(--quiet); font-size: 13px; width: 1%; }
    .time .bars { width: 46%; }
    .time .sum td { font-weight: 600; }
    .time .sum + tr:not(.sum) td, .time .sum + tr:not(.sum) th { padding-top: 10px; }
    .time .sum .extra { font-weight: 400; }
    .bar { display: block; width: 100%; height: 14px; border-radius: 4px; min-width: 60px;
      background: var(--code); }
    .wide { overflow-x: auto; }
    .devices td { border-top: 1px solid var(--edge); padding-top: 6px; padding-bottom: 6px; }
    .devices .number, .devices th:last-child, .devices .why { padding-left: 14px; }
    .devices th, .devices .text { white-space: nowrap; }
    .devices .name { min-width: 10em; max-width: 17em; }
    .devices .bars { min-width: 90px; width: 16%; }
    .devices .why { min-width: 220px; font-size: 13px; }
    .plot { display: flex; gap: 8px; }
    .scale {
      flex: none; width: 44px; display: flex; flex-direction: column;
      justify-content: space-between; text-align: right; color: var(--quiet); font-size: 12px;
      line-height: 1; margin: -1px 0;
    }
    .chart {
      flex: 1; min-width: 0; height: 220px; display: block;
      border: 1px solid var(--edge); border-width: 0 0 1px;
    }
    .low { height: 54px; }
    .caption { margin: 12px 0 4px 52px; }
    .times {
      display: flex; justify-content: space-between; margin: 6px 0 4px 52px;
      color: var(--quiet); font-size: 12px;
    }
    .line {
      fill: none; stroke: var(--gpu); stroke-width: 2.5; vector-effect: non-scaling-stroke;
      stroke-linejoin: round;
    }
    .stripe { fill: transparent; }
    .stripe:hover { fill: var(--stripe); }
    .running { fill: var(--running); } .bg-running { background: var(--running); }
    .waiting { fill: var(--waiting); } .bg-waiting { background: var(--waiting); }
    .throttled { fill: var(--throttled); } .bg-throttled { background: var(--throttled); }
    .interrupted { fill: var(--interrupted); } .bg-interrupted { background: var(--interrupted); }
    .soft { fill: var(--soft); } .bg-soft { background: var(--soft); }
    .memory { fill: var(--memory); } .bg-memory { background: var(--memory); }
    .io { fill: var(--io); } .bg-io { background: var(--io); }
    .blocked { fill: var(--blocked); } .bg-blocked { background: var(--blocked); }
    .sleeping { fill: var(--sleeping); } .bg-sleeping { background: var(--sleeping); }
    .gpu { fill: var(--gpu); } .cost { fill: var(--bad); }
    .finding { border-top: 1px solid var(--edge); padding: 14px 0 6px; }
    .finding:first-of-type { border-top: 0; padding-top: 2px; }
    .finding .summary { margin: 6px 0 10px; }
    .badge {
      display: inline-block; margin-right: 10px; padding: 1px 8px; border-radius: 6px;
      font-size: 12px; line-height: 1.6; letter-spacing: .04em; vertical-align: 1px;
      border: 1px solid var(--note); color: var(--note);
    }
    .badge.warning { border-color: var(--warn); color: var(--warn); }
    .badge.critical { border-color: var(--bad); background: var(--bad); color: var(--card); }
    dl {
      display: grid; grid-template-columns: 84px minmax(0, 1fr); gap: 6px 12px; margin: 0 0 10px;
    }
    .unseen { grid-template-columns: 110px minmax(0, 1fr); font-size: 14px; }
    dt { color: var(--quiet); font-size: 14px; }
    dd { margin: 0; }
    pre {
      margin: 0; padding: 8px 12px; background: var(--code); border: 1px solid var(--edge);
      border-radius: 6px; overflow-x: auto; user-select: all; -webkit-user-select: all;
    }
    pre, code { font: 13px/1.55 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
      overflow-wrap: normal; }
    .evidence { width: auto; margin: 0; font-size: 14px; }
    .evidence td { padding: 1px 16px 1px 0; vertical-align: baseline; }
    .evidence td:first-child { min-width: 17em; }
    @media (max-width: 700px) {
      main { padding: 12px 12px 0; }
      section { padding: 14px 12px 10px; }
      .time .extra { display: none; }
      .time .bars { width: 30%; }
      .time .number { padding-left: 4px; padding-right: 4px; font-size: 13px; }
      .tiles { grid-template-columns: 1fr 1fr; gap: 8px; }
      .tiles strong { font-size: 20px; }
      .chart { height: 160px; }
      .low { height: 44px; }
      dl, .unseen { grid-template-columns: minmax(0, 1fr); gap: 2px; }
      dt { margin-top: 6px; }
      .evidence td, .evidence td:first-child { display: block; text-align: left; padding: 0;
        min-width: 0; }
      .evidence tr { display: block; margin-bottom: 6px; }
      .evidence .number { width: auto; padding: 0; }
    }
    @media print { body { background: #fff; } section { break-inside: avoid; } }
    """
