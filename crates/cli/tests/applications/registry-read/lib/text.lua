local text = {}

--- Any value as text, keys in order.
function text.of(value)
    if type(value) ~= "table" then
        return tostring(value)
    end
    local parts, keys = {}, {}
    for _, item in ipairs(value) do
        table.insert(parts, text.of(item))
    end
    for key in pairs(value) do
        if type(key) ~= "number" then
            table.insert(keys, key)
        end
    end
    table.sort(keys)
    for _, key in ipairs(keys) do
        table.insert(parts, key .. "=" .. text.of(value[key]))
    end
    return "{" .. table.concat(parts, " ") .. "}"
end

return text
