assert(process.registry.register("recorder"))

local function main()
    local notes, asks = process.listen("note"), process.listen("ask")
    local list = {}
    while true do
        local result = channel.select({ notes:case_receive(), asks:case_receive() })
        if not result.ok then return end
        if result.channel == notes then
            table.insert(list, result.value)
        else
            -- Answers when there are as many as are asked for.
            while #list < result.value.count do table.insert(list, (notes:receive())) end
            process.send(result.value.from, "list", list)
            list = {}
        end
    end
end

return { main = main }
