return {
    main = function()
        local how = process.inbox():receive().payload
        if how == "fails" then error("went wrong", 0) end
        if how == "value" then return { 7 } end
    end,
}
