local function main(variant)
    variant = report.variant(variant, "copy")
    local map = {}
    for i = 1, 20 do map[string.format("key_%02d", i)] = string.format("value-%012d", i) end
    report.line("payload_map", variant, report.round_trips("actors:processes", 200000, map), "roundtrip/s")
end

return { main = main }
