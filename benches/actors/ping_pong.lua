local function main(variant)
    variant = report.variant(variant, "free", "cross")
    local host = if variant == "cross" then "actors:spread" else "actors:processes"
    report.line("ping_pong", variant, report.round_trips(host, 1000000, 0), "roundtrip/s")
end

return { main = main }
