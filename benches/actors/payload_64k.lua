local function main(variant)
    variant = report.variant(variant, "share", "copy")
    local value = string.rep("\7", 65536)
    local host, count = "actors:processes", 200000
    -- What goes to another worker is copied.
    if variant == "copy" then host, count = "actors:spread", 50000 end
    report.line("payload_64k", variant, report.round_trips(host, count, value), "roundtrip/s")
end

return { main = main }
