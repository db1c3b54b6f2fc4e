-- Fails at once: a second value that is a text means failure, and so does a raised error.
local function main()
    return nil, "worker failed on purpose"
end

return { main = main }
